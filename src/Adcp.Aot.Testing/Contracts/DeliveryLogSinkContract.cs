using System.Globalization;
using Adcp.Aot.Auditing;

namespace Adcp.Aot.Testing;

/// <summary>
/// The contract of <see cref="IDeliveryLogSink"/>, checked with the records of a real supervisor. Derive a test class from it, and call
/// <see cref="CheckAsync"/> in a test for each name in <see cref="Rules"/>. Use one instance and one empty sink for each rule.
/// </summary>
public abstract class DeliveryLogSinkContract
{
    private static readonly RuleTable<DeliveryLogSinkContract> Table = new(
        nameof(IDeliveryLogSink),
        new("Each attempt of a delivery is recorded once", static (c, token) => c.AttemptsAsync(token)),
        new("A batch is recorded whole", static (c, token) => c.BatchAsync(token)),
        new("A record is not read after its call has ended", static (c, token) => c.PooledAsync(token)),
        new("Calls at the same time lose no record", static (c, token) => c.RaceAsync(token)),
        new("An awkward text costs no record", static (c, token) => c.AwkwardAsync(token)));

    /// <summary>Gets the names of the rules, each a sentence.</summary>
    public static IReadOnlyList<string> Rules => Table.Names;

    /// <summary>Checks a rule.</summary>
    /// <param name="rule">The name of the rule.</param>
    /// <param name="cancellationToken">Ends the check. It is passed to the calls of the derived class.</param>
    /// <exception cref="ArgumentException"><paramref name="rule"/> is not in <see cref="Rules"/>.</exception>
    /// <exception cref="ContractException">The sink breaks the rule.</exception>
    public Task CheckAsync(string rule, CancellationToken cancellationToken = default) => Table.CheckAsync(this, rule, cancellationToken);

    /// <summary>
    /// Opens the sink, which has room for 1,000 records at least. Called once for each rule.
    /// The derived class disposes the sink after the check; the contract does not.
    /// </summary>
    /// <param name="cancellationToken">Ends the call.</param>
    protected abstract ValueTask<IDeliveryLogSink> OpenAsync(CancellationToken cancellationToken);

    /// <summary>Reads the attempts that the sink has kept, in any order.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    protected abstract ValueTask<IReadOnlyList<RecordedAttempt>> ReadAsync(CancellationToken cancellationToken);

    private static DeliveryOptions Options { get; } = new() { SequenceKey = "stream" };

    private static string Key(int number) => "key_" + number.ToString("D16", CultureInfo.InvariantCulture);

    private static PreparedWebhook Webhook(int number) =>
        new(new WebhookDestination("https://buyer.example/hooks/a", "op_1"), "{}"u8.ToArray(), Key(number));

    private static IEnumerable<RecordedAttempt> Once(int count) =>
        Enumerable.Range(0, count).Select(static n => new RecordedAttempt(Key(n), 1));

    private static IEnumerable<RecordedAttempt> Sorted(IEnumerable<RecordedAttempt> attempts) =>
        attempts.OrderBy(static attempt => attempt.IdempotencyKey, StringComparer.Ordinal).ThenBy(static attempt => attempt.AttemptNumber);

    private async Task RecordAsync(
        RecordingSender sender, Func<InMemoryWebhookDeliverySupervisor, Task> deliver, SinkMode mode, CancellationToken token)
    {
        InMemoryWebhookDeliverySupervisor supervisor = new(sender, new WebhookSupervisorOptions
        {
            Sink = await OpenAsync(token),
            SinkMode = mode,
            Retry = new RetryPolicy { BaseDelay = TimeSpan.Zero },
        });
        await using (supervisor)
        {
            await deliver(supervisor);
            await supervisor.FlushAuditAsync(token);
            Expect.Equal(0, supervisor.RecordsDropped);
        }
    }

    private async Task ExpectAsync(IEnumerable<RecordedAttempt> expected, CancellationToken token)
    {
        IReadOnlyList<RecordedAttempt> recorded = await ReadAsync(token);
        Expect.Sequence(Sorted(expected), Sorted(recorded));
    }

    private async Task AttemptsAsync(CancellationToken token)
    {
        using RecordingSender sender = new RecordingSender().AnswerWith(503, 500, 200);

        await RecordAsync(
            sender, async webhooks => await webhooks.DeliverAsync(Webhook(0), Options, token), SinkMode.Buffered, token);

        await ExpectAsync(Enumerable.Range(1, 3).Select(static attempt => new RecordedAttempt(Key(0), attempt)), token);
    }

    private Task BatchAsync(CancellationToken token) => DeliverAsync(rounds: 1, each: 500, token);

    private Task PooledAsync(CancellationToken token) => DeliverAsync(rounds: 5, each: 20, token);

    private async Task DeliverAsync(int rounds, int each, CancellationToken token)
    {
        using RecordingSender sender = new();
        await RecordAsync(
            sender,
            async webhooks =>
            {
                for (int number = 0; number < rounds * each; number++)
                {
                    await webhooks.DeliverAsync(Webhook(number), Options, token);
                    if (number % each == each - 1)
                    {
                        // The records of the next round may be the same objects.
                        await webhooks.FlushAuditAsync(token);
                    }
                }
            },
            SinkMode.Buffered,
            token);

        await ExpectAsync(Once(rounds * each), token);
    }

    private async Task RaceAsync(CancellationToken token)
    {
        const int Count = 160;
        using RecordingSender sender = new();
        await RecordAsync(
            sender,
            webhooks => Parallel.ForAsync(
                0,
                Count,
                new ParallelOptions { MaxDegreeOfParallelism = 8 },
                async (number, _) => await webhooks.DeliverAsync(Webhook(number), Options, token)),
            SinkMode.Inline,
            token);

        await ExpectAsync(Once(Count), token);
    }

    private async Task AwkwardAsync(CancellationToken token)
    {
        using RecordingSender sender = new();
        await RecordAsync(
            sender,
            async webhooks =>
            {
                for (int number = 0; number < Awkward.Names.Count; number++)
                {
                    DeliveryOptions options = new() { SequenceKey = Awkward.Names[number] };
                    await webhooks.DeliverAsync(Webhook(number), options, token);
                }
            },
            SinkMode.Buffered,
            token);

        await ExpectAsync(Once(Awkward.Names.Count), token);
    }
}
