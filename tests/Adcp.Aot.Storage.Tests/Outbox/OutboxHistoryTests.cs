namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>The checks of the model find each broken promise, and accept a fault as the reason of no repeat but those it causes.</summary>
public sealed class OutboxHistoryTests
{
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch.AddYears(50);

    private readonly OutboxHistory _history = new();

    public OutboxHistoryTests() => _history.Accept("key");

    [Theory]
    [InlineData("first", 0, true)]
    [InlineData("first", 10, true)]
    [InlineData("first", 15, true)]
    [InlineData("first", 20, true)]
    [InlineData("first", -1, false)]
    [InlineData("first", 21, false)]
    [InlineData("second", 10, false)]
    [InlineData("third", 10, false)]
    public void Only_a_fault_of_the_first_process_between_the_attempts_explains_a_repeat(string process, int at, bool isExplained)
    {
        Send("first", 0);
        Send("second", 20);

        _history.Fail(process, "died", Start.AddSeconds(at));

        Assert.Equal(isExplained ? 0 : 1, _history.Check().Unexplained.Count);
    }

    [Theory]
    [InlineData(-5, -1, false)]
    [InlineData(-5, 1, true)]
    [InlineData(19, 30, true)]
    [InlineData(21, 30, false)]
    public void A_pause_explains_a_repeat_if_it_touches_the_time_between_the_attempts(int from, int until, bool isExplained)
    {
        Send("first", 0);
        Send("second", 20);

        _history.Fail("first", "was paused", Start.AddSeconds(from), Start.AddSeconds(until));

        Assert.Equal(isExplained ? 0 : 1, _history.Check().Unexplained.Count);
    }

    [Fact]
    public void Each_repeat_needs_a_fault_of_its_own_and_a_retry_needs_none()
    {
        Send("first", 0, 503);
        Send("first", 10);
        _history.Fail("first", "died", Start.AddSeconds(11));
        Send("second", 20);

        Assert.Equal(0, _history.Check().Count);

        Send("third", 30);

        Assert.Single(_history.Check().Unexplained);
    }

    [Fact]
    public void Lost_uncommitted_and_changed_webhooks_are_found()
    {
        Send("first", 0, 503);
        Send("first", 1, 503, body: "other");
        Send("first", 2, key: "unknown");

        OutboxHistory.Verdict verdict = _history.Check();

        Assert.Equal("key", Assert.Single(verdict.Lost));
        Assert.Equal("key", Assert.Single(verdict.Changed));
        Assert.Equal("unknown", Assert.Single(verdict.Uncommitted));
    }

    [Fact]
    public void An_attempt_that_never_arrived_is_no_delivery()
    {
        _history.Begin("first", "key", "body", Start);

        Assert.Single(_history.Check().Lost);
    }

    [Theory]
    [InlineData(200, true, false)]
    [InlineData(503, true, true)]
    [InlineData(200, false, true)]
    public void A_webhook_that_is_sent_before_its_predecessor_was_accepted_is_out_of_order(int status, bool firstIsFirst, bool isFound)
    {
        _history.Accept("one", "stream");
        _history.Accept("other", "another stream");
        _history.Accept("two", "stream");
        Send("first", 0);
        Send("first", 0, key: "other");

        Send("first", 0, status, firstIsFirst ? "one" : "two");
        Send("first", 0, key: firstIsFirst ? "two" : "one");
        Send("first", 0, key: "one");

        Assert.Equal(isFound ? 1 : 0, _history.Check().OutOfOrder.Count);
    }

    private void Send(string process, int at, int status = 200, string key = "key", string body = "body") =>
        _history.Arrive(_history.Begin(process, key, body, Start.AddSeconds(at)), Start.AddSeconds(at + 2), status);
}
