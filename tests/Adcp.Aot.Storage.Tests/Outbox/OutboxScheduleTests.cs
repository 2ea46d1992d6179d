using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>The schedule without a store: when parked rows are read, and how an endpoint recovers.</summary>
public sealed class OutboxScheduleTests
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(50));
    private readonly OutboxSchedule _schedule;
    private long _lastId;

    public OutboxScheduleTests() => _schedule = new OutboxSchedule(new OutboxScheduleLimits(), _time);

    [Fact]
    public void Row_that_was_parked_is_read_at_the_end_of_its_delay_and_not_before()
    {
        TimeSpan delay = TimeSpan.FromSeconds(5), most = TimeSpan.FromHours(1);
        Assert.Null(_schedule.Admit(Row(isParked: false)));
        Assert.True(_schedule.TryTake(out OutboxRow? row));
        _schedule.Complete(row, isDelivered: false, changeFollows: true);
        Assert.Equal(most, _schedule.UntilNextTimer(most));

        _schedule.Settled(OutboxChanges.Wait(row, delay, OutboxReasons.Failed));

        Assert.Equal(delay, _schedule.UntilNextTimer(most));
        _time.Advance(delay - TimeSpan.FromTicks(1));
        Assert.Null(_schedule.TakeDueEndpoint());
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.Equal(row.Endpoint, _schedule.TakeDueEndpoint()?.Key);
        Assert.Null(_schedule.TakeDueEndpoint());
    }

    [Fact]
    public void Endpoint_that_failed_gets_one_attempt_at_a_time_until_it_works_and_then_twice_as_many_in_each_round_trip()
    {
        _schedule.AddParked(0, new OutboxParkedEndpoint(Endpoint: 1, Tenant: 1, DueIn: TimeSpan.Zero, Attempts: 0, WasRefused: true));

        Assert.Equal([1, 1, 2, 4, 8, 16, 32, 64, 64, 64], Enumerable.Range(0, 10).Select(_ => RoundTrip()));
    }

    [Fact]
    public void Endpoint_that_works_gets_all_its_attempts_at_once()
    {
        _schedule.AddParked(0, new OutboxParkedEndpoint(Endpoint: 1, Tenant: 1, DueIn: TimeSpan.Zero, Attempts: 4, WasRefused: false));

        Assert.Equal([64, 64, 64], Enumerable.Range(0, 3).Select(_ => RoundTrip()));
    }

    [Fact]
    public void Burst_of_one_endpoint_has_an_eighth_of_memory_and_further_endpoints_have_smaller_shares()
    {
        Assert.Equal(1_024, Kept(endpoint: 1));
        Assert.Equal(256, Kept(endpoint: 2));
        for (int endpoint = 3; _schedule.Room.Rows > 8_192 / 2; endpoint++)
        {
            Assert.InRange(Kept(endpoint), 1, 256);
        }

        Assert.Equal(64, Kept(endpoint: 100));

        int Kept(int endpoint)
        {
            for (int kept = 0; ; kept++)
            {
                OutboxRow row = Row(isParked: false, endpoint);
                if (_schedule.Admit(row) is { } change)
                {
                    _schedule.Settled(change);
                    return kept;
                }
            }
        }
    }

    [Fact]
    public void Endpoint_whose_circuit_refuses_is_read_when_that_ends_and_its_fresh_rows_are_parked()
    {
        TimeSpan open = TimeSpan.FromMinutes(1);
        for (int i = 0; i < 100; i++)
        {
            Assert.Null(_schedule.Admit(Row(isParked: false)));
        }

        Assert.True(_schedule.TryTake(out OutboxRow? refused));
        IReadOnlyList<OutboxRow> parked = _schedule.Block(refused, open, _time.GetTimestamp());
        _schedule.Complete(refused, isDelivered: false, changeFollows: true);
        foreach (OutboxRow row in parked.Append(refused))
        {
            _schedule.Settled(OutboxChanges.Wait(row, TimeSpan.Zero, OutboxReasons.CircuitOpen));
        }

        Assert.Equal(99, parked.Count);
        Assert.False(_schedule.TryTake(out _));
        _time.Advance(open - TimeSpan.FromTicks(1));
        Assert.Null(_schedule.TakeDueEndpoint());
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.Equal([1, 1, 2, 4], Enumerable.Range(0, 4).Select(_ => RoundTrip()));
    }

    [Fact]
    public void Refusal_of_a_circuit_that_was_reset_meanwhile_does_not_block_its_endpoint()
    {
        TimeSpan open = TimeSpan.FromMinutes(1);
        Assert.Null(_schedule.Admit(Row(isParked: false)));
        Assert.True(_schedule.TryTake(out OutboxRow? refused));
        long begun = _time.GetTimestamp();
        _time.Advance(TimeSpan.FromSeconds(1));
        _schedule.Reset(refused.Endpoint);

        _schedule.Block(refused, open, begun);

        Assert.Null(_schedule.Admit(Row(isParked: false)));
        _time.Advance(TimeSpan.FromSeconds(1));
        _schedule.Block(refused, open, _time.GetTimestamp());
        Assert.Equal(OutboxReasons.CircuitOpen, _schedule.Admit(Row(isParked: false))?.Reason);
    }

    [Fact]
    public void Redriven_rows_take_every_second_turn_while_fresh_rows_are_ready()
    {
        for (int i = 0; i < 20; i++)
        {
            Assert.Null(_schedule.Admit(Row(isParked: false, attempts: 3)));
        }

        for (int i = 0; i < 10; i++)
        {
            Assert.Null(_schedule.Admit(Row(isParked: false)));
        }

        int[] attempts = [.. Enumerable.Range(0, 30).Select(_ => _schedule.TryTake(out OutboxRow? row) ? row.Attempts : -1)];

        Assert.Equal([3, 0, 3, 0, 3, 0, 3, 0, 3, 0], attempts[..10]);
        Assert.Equal(10, attempts[..20].Count(static made => made == 0));
        Assert.Equal(Enumerable.Repeat(3, 10), attempts[20..]);
    }

    [Fact]
    public void Row_of_a_known_endpoint_allocates_nothing()
    {
        OutboxRow[] rows = [.. Enumerable.Range(0, 2_000).Select(_ => Row(isParked: false))];
        Assert.Null(_schedule.Admit(Row(isParked: false)));
        Assert.True(_schedule.TryTake(out _));
        Deliver(rows.AsSpan(0, 1_000));

        long before = GC.GetAllocatedBytesForCurrentThread();
        int delivered = Deliver(rows.AsSpan(1_000));
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal((1_000, 0), (delivered, allocated));

        int Deliver(ReadOnlySpan<OutboxRow> rows)
        {
            int delivered = 0;
            foreach (OutboxRow row in rows)
            {
                _schedule.Admit(row);
                while (_schedule.TryTake(out OutboxRow? taken))
                {
                    _schedule.Complete(taken, isDelivered: true, changeFollows: false);
                    delivered++;
                }
            }

            return delivered;
        }
    }

    /// <summary>Reads as many parked rows as the schedule asks for, and delivers those that may be attempted.</summary>
    /// <returns>The number of attempts under way at a time.</returns>
    private int RoundTrip()
    {
        while (_schedule.TakeDueEndpoint() is { } due)
        {
            OutboxRow[] rows = [.. Enumerable.Range(0, due.Limit).Select(_ => Row(isParked: true))];
            _schedule.ParkedRead(due.Key, rows, nextIn: TimeSpan.Zero);
            Assert.All(rows, row => Assert.Null(_schedule.Admit(row)));
        }

        List<OutboxRow> attempts = [];
        while (_schedule.TryTake(out OutboxRow? row))
        {
            attempts.Add(row);
        }

        attempts.ForEach(row => _schedule.Complete(row, isDelivered: true, changeFollows: false));
        return attempts.Count;
    }

    private OutboxRow Row(bool isParked, int endpoint = 1, int attempts = 0) => new()
    {
        Lane = 0,
        Id = ++_lastId,
        Endpoint = endpoint,
        Tenant = 1,
        IsParked = isParked,
        Attempts = attempts,
        KeyId = "k",
        Sealed = [],
    };
}
