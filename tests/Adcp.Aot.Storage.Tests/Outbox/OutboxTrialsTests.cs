using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Rows that wait for their trial while memory is full, after a takeover.</summary>
public sealed class OutboxTrialsTests
{
    private const int MaxRows = 1024, Kept = MaxRows / 8;

    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(50));
    private readonly OutboxSchedule _schedule;

    public OutboxTrialsTests() => _schedule = new OutboxSchedule(new OutboxScheduleLimits { MaxRows = MaxRows }, _time);

    [Fact]
    public void Two_endpoints_of_a_tenant_that_hang_delay_its_other_rows_by_half_a_minute_at_most()
    {
        Fill(timeLeft: null);

        OutboxChange[] parked = ParkWhileNoTrialEnds();

        Assert.Equal(TimeSpan.FromSeconds(30), parked.Max(static change => change.Delay));
        Assert.All(parked, static change => Assert.Equal(("over_share", OutboxChangeKind.Park), (change.Reason, change.Kind)));
    }

    [Theory]
    [InlineData(22, 10)]
    [InlineData(1, 0)] // its time is over, and the next read says so
    public void Row_is_parked_until_its_trial_for_half_of_the_time_that_it_has_left(int secondsLeft, int delay)
    {
        Fill(TimeSpan.FromSeconds(secondsLeft));

        OutboxChange[] parked = ParkWhileNoTrialEnds();

        Assert.All(parked, change => Assert.Equal(TimeSpan.FromSeconds(delay), change.Delay));
    }

    [Fact]
    public void Rows_are_parked_until_their_turn_at_the_rate_of_the_trials()
    {
        const int Rounds = 5, Each = OutboxTrials.MaxOnTrial / 2, Ended = Rounds * Each;
        Fill(timeLeft: null);
        _schedule.Relieve();
        for (int round = 0; round < Rounds; round++)
        {
            IReadOnlyList<OutboxRow> taken = _schedule.TakeSuspects();
            Assert.Equal(Each, taken.Count);
            End(taken);
        }

        _time.Advance(TimeSpan.FromSeconds(1));
        IReadOnlyList<OutboxChange> parked = _schedule.Relieve();

        Assert.Equal(
            Enumerable.Range(Kept, MaxRows - Ended - Kept)
                .Select(static before => TimeSpan.FromSeconds(Math.Min(30, before / (double)Ended))),
            parked.Select(static change => change.Delay));
    }

    [Fact]
    public void Rows_that_wait_for_their_trial_stay_in_memory_if_it_has_room_for_them()
    {
        Fill(timeLeft: null, rows: Kept + (OutboxTrials.MaxOnTrial / 2));
        _schedule.Relieve();
        _schedule.TakeSuspects();
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Empty(_schedule.Relieve());
    }

    [Fact]
    public void Row_that_the_next_death_puts_into_quarantine_waits_for_the_rows_that_are_being_read()
    {
        _schedule.IsReading = true;
        Admit(id: 1, unclean: 2);
        Assert.Empty(_schedule.TakeSuspects());

        Admit(id: 2, unclean: 1);
        _schedule.IsReading = false;

        IReadOnlyList<OutboxRow> first = _schedule.TakeSuspects();
        Assert.Equal(2, Assert.Single(first).Id);
        End(first);
        Assert.Equal(1, Assert.Single(_schedule.TakeSuspects()).Id);
    }

    private void Admit(long id, int unclean) => Assert.Null(_schedule.Admit(new OutboxRow
    {
        Lane = 0,
        Id = id,
        Endpoint = id,
        Tenant = 1,
        Unclean = unclean,
        Attempts = 1,
        KeyId = "key",
        Sealed = new byte[100],
    }));

    /// <summary>Fills memory with rows of 128 endpoints that a takeover counted.</summary>
    private void Fill(TimeSpan? timeLeft, int rows = MaxRows)
    {
        for (int i = 0; i < rows; i++)
        {
            Assert.Null(_schedule.Admit(new OutboxRow
            {
                Lane = 0,
                Id = i,
                Endpoint = i % 128,
                Tenant = 1,
                Unclean = 1,
                TimeLeft = timeLeft,
                ReadAt = _time.GetTimestamp(),
                KeyId = "k",
                Sealed = [],
            }));
        }
    }

    /// <summary>Lets two endpoints that hang take all trials of their tenant, for a second in which no trial ends.</summary>
    /// <returns>The changes of the rows that are parked, two seconds after they were read.</returns>
    private OutboxChange[] ParkWhileNoTrialEnds()
    {
        _schedule.Relieve();
        int hanging = 0, ended = 0;
        while (_schedule.TakeSuspects() is { Count: > 0 } taken)
        {
            OutboxRow[] answered = [.. taken.Where(static row => row.Endpoint > 1)];
            End(answered);
            ended += answered.Length;
            hanging += taken.Count - answered.Length;
        }

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Empty(_schedule.Relieve());
        _time.Advance(TimeSpan.FromSeconds(1));
        OutboxChange[] parked = [.. _schedule.Relieve()];

        Assert.Equal(2 * OutboxTrials.MaxOnTrialPerEndpoint, hanging);
        Assert.Equal(MaxRows - ended - hanging - Kept, parked.Length);
        return parked;
    }

    private void End(IReadOnlyList<OutboxRow> trials)
    {
        foreach (OutboxRow row in trials)
        {
            _schedule.Complete(row, isDelivered: true, changeFollows: false);
        }
    }
}
