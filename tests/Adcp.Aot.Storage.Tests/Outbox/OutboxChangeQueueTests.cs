namespace Adcp.Aot.Storage.Tests.Outbox;

public sealed class OutboxChangeQueueTests
{
    private readonly OutboxChangeQueue _queue = new();
    private readonly List<OutboxChange> _batch = [];
    private long _id;

    [Fact]
    public void Results_of_attempts_come_before_rows_that_only_move()
    {
        OutboxChange move = Add(OutboxChangeKind.Park, endsAttempt: false);
        OutboxChange delivered = Add(OutboxChangeKind.Delivered, endsAttempt: true);
        OutboxChange trial = Add(OutboxChangeKind.Trial, endsAttempt: false);
        OutboxChange retry = Add(OutboxChangeKind.Park, endsAttempt: true);

        _queue.Take(_batch);

        Assert.Equal([delivered, trial, retry, move], _batch);
    }

    [Theory]
    [InlineData(false, OutboxChangeQueue.MaxMovedBytes)]
    [InlineData(true, OutboxChangeQueue.MaxMovedBytesBesideResults)]
    public void Commit_moves_at_most_some_bytes_and_fewer_beside_results(bool hasResult, int bytes)
    {
        const int Row = 1 << 10;
        if (hasResult)
        {
            Add(OutboxChangeKind.Delivered, endsAttempt: true);
        }

        for (int i = 0; i < 2 * OutboxChangeQueue.MaxMovedBytes / Row; i++)
        {
            Add(OutboxChangeKind.Park, endsAttempt: false, Row);
        }

        _queue.Take(_batch);

        Assert.Equal(bytes / Row, _batch.Count(static change => !change.EndsAttempt));
    }

    [Fact]
    public void Results_that_move_rows_leave_room_for_other_moves()
    {
        for (int i = 0; i < 2; i++)
        {
            Add(OutboxChangeKind.Park, endsAttempt: true, OutboxChangeQueue.MaxMovedBytes);
            Add(OutboxChangeKind.Park, endsAttempt: false);
        }

        _queue.Take(_batch);

        Assert.Equal([true, false, false], _batch.Select(static change => change.EndsAttempt));
    }

    [Fact]
    public void Commit_has_at_most_two_thousand_changes_and_nothing_is_lost()
    {
        for (int i = 0; i < 5_000; i++)
        {
            Add(OutboxChangeKind.Delivered, endsAttempt: i % 2 == 0);
        }

        List<long> taken = [];
        List<int> counts = [];
        for (_queue.Take(_batch); _batch.Count > 0; _queue.Take(_batch))
        {
            counts.Add(_batch.Count);
            taken.AddRange(_batch.Select(static change => change.Row.Id));
            _batch.Clear();
        }

        Assert.Equal([2_000, 2_000, 1_000], counts);
        Assert.Equal(Enumerable.Range(0, 5_000).Select(static i => (long)i), taken.Order());
    }

    [Fact]
    public void Rows_that_wait_for_their_move_are_bounded_and_results_do_not_count()
    {
        for (int i = 0; i < OutboxChangeQueue.MaxMoves; i++)
        {
            Assert.True(_queue.HasRoomForMoves);
            Add(OutboxChangeKind.Park, endsAttempt: true);
            Add(OutboxChangeKind.Park, endsAttempt: false);
        }

        Assert.False(_queue.HasRoomForMoves);
        _queue.Take(_batch);
        _batch.Clear();
        _queue.Take(_batch);
        Assert.True(_queue.HasRoomForMoves);
    }

    private OutboxChange Add(OutboxChangeKind kind, bool endsAttempt, int bytes = 0)
    {
        OutboxChange change = new()
        {
            Row = new OutboxRow { Lane = 0, Id = _id++, Endpoint = 1, Tenant = 1, KeyId = "k", Sealed = new byte[bytes] },
            Kind = kind,
            EndsAttempt = endsAttempt,
        };
        _queue.Add(change);
        return change;
    }
}
