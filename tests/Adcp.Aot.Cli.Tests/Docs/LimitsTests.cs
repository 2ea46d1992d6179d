using System.Globalization;

namespace Adcp.Aot.Cli.Tests.Docs;

/// <summary>The tables of <c>docs/limits.md</c>, against the code.</summary>
public sealed class LimitsTests
{
    /// <summary>Constants whose names sound like bounds although they are not, each with the reason.</summary>
    private static readonly string[] NoBounds =
    [
        // Sizes of formats.
        "EcmaScriptNumber.MaxLength", "LegacyHmacSigner.MaxTimestampLength", "StandardWebhooksSigner.MaxTimestampLength",
        "AttemptHeaders.MaxHeaders", "Stripe.SlotSeconds", "AdcpError.MaxRetryAfter",

        // Cache lines for threads: further threads share one.
        "ThreadStripe.MaxNumbers", "AttemptQueue.MaxLines",

        // Words of messages, and the rate of a progress line.
        "JsonBodyCheck.MaxNames", "JsonBodyCheck.MaxNameBytes", "Progress.Patience",

        // Values with which contracts check stores.
        "ClaimStoreContract.Lease", "IdempotencyStoreContract.Lease", "PushConfigStoreContract.MaxPerTask",
        "ReplayCacheContract.MaxPerKey", "ReplayCacheContract.MaxPerSender", "ReplayCacheContract.MaxTotal", "TaskStoreContract.Limit",

        // A divisor of a lease, and the lease that a test's worker gets.
        "OutboxWorker.LeaseParts", "TestClockExtensions.Lease",

        // Tries of a statement before its fault is reported.
        "SqlReplayCache.MaxUnexplained", "SqlWebhookClaimStore.MaxUnexplained", "SqlIdempotencyStore.MaxUnexplained",

        // Ids of log lines.
        "PlatformEventIds.RateLimited", "PlatformEventIds.LeaseLost", "HostingEventIds.ShutdownTimeoutShort",

        // The lower end of a range.
        "BootValidation.ShortestHorizon", "OutboxWorkerOptions.ShortestLease", "OutboxWorkerOptions.LongestLease",
        "StorageEventIds.OutboxLeaseEnded", "PostgreSqlOutboxStore.LeastTimeout", "PostgreSqlOutboxStore.MaxBindRounds",

        // The pause before a lease is looked at again.
        "OutboxDelivery.LeaseWait",
    ];

    [Fact]
    public void Defaults_of_the_tables_are_the_defaults_of_the_code()
    {
        string[] wrong =
        [
            .. Limit.All.Where(static limit => limit.Option != "-")
                .Select(static limit => (limit, Actual: Format(Shipped.ValueOf(limit.Option), limit)))
                .Where(static row => row.Actual != row.limit.Default)
                .Select(static row => $"{row.limit.Option} is {row.Actual}, and the table says {row.limit.Default}"),
        ];

        None(wrong);
    }

    [Fact]
    public void Rows_without_a_member_state_no_default() =>
        Assert.All(Limit.All.Where(static limit => limit.Option == "-"), static limit => Assert.Equal("-", limit.Default));

    [Fact]
    public void Every_option_has_a_row() => None(Shipped.Options.Except(Limit.All.Select(static limit => limit.Option)));

    [Fact]
    public void Every_constant_that_is_a_bound_has_a_row() =>
        None(Shipped.Constants.Except(Limit.All.Select(static limit => limit.Option)).Except(NoBounds));

    [Fact]
    public void No_member_has_two_rows() =>
        None(Limit.All.Select(static limit => limit.Option).Where(static option => option != "-").CountBy(static option => option)
            .Where(static rows => rows.Value > 1).Select(static rows => rows.Key));

    [Fact]
    public void Exceptions_from_the_rule_are_constants_without_a_row()
    {
        None(NoBounds.Except(Shipped.Constants));
        None(NoBounds.Intersect(Limit.All.Select(static limit => limit.Option)));
    }

    [Theory]
    [InlineData(250, "250 ms")]
    [InlineData(1_000, "1 s")]
    [InlineData(90_000, "90 s")]
    [InlineData(300_000, "5 min")]
    [InlineData(7_200_000, "2 h")]
    [InlineData(86_400_000, "1 d")]
    public void Times_are_written_in_their_largest_whole_unit(int milliseconds, string text) =>
        Assert.Equal(text, Format(TimeSpan.FromMilliseconds(milliseconds)));

    private static void None(IEnumerable<string> faults) => Assert.True(!faults.Any(), string.Join('\n', faults));

    /// <summary>Writes a value as the tables do.</summary>
    private static string Format(object? value, Limit limit)
    {
        if (value is null)
        {
            return "none";
        }

        if (value is string text)
        {
            return text;
        }

        if (value is TimeSpan time)
        {
            return limit.Unit == "time" ? Format(time) : $"{Format(time)} (unit 'time')";
        }

        long number = Convert.ToInt64(value, CultureInfo.InvariantCulture);
        return limit.Option.EndsWith("Milliseconds", StringComparison.Ordinal) ? Format(TimeSpan.FromMilliseconds(number))
            : limit.Option.EndsWith("Seconds", StringComparison.Ordinal) ? Format(TimeSpan.FromSeconds(number))
            : limit.Option.EndsWith("KiB", StringComparison.Ordinal) ? Bytes(number << 10)
            : limit.Unit == "bytes" ? Bytes(number)
            : limit.Option.Contains("Bytes", StringComparison.Ordinal) ? $"{Bytes(number)} (unit 'bytes')"
            : number.ToString("N0", CultureInfo.InvariantCulture);
    }

    private static string Format(TimeSpan time)
    {
        (TimeSpan One, string Name)[] units =
        [
            (TimeSpan.FromDays(1), "d"), (TimeSpan.FromHours(1), "h"), (TimeSpan.FromMinutes(1), "min"), (TimeSpan.FromSeconds(1), "s"),
            (TimeSpan.FromMilliseconds(1), "ms"),
        ];
        (TimeSpan one, string name) = units.First(unit => time.Ticks % unit.One.Ticks == 0 && (time > TimeSpan.Zero || unit.Name == "s"));
        return string.Create(CultureInfo.InvariantCulture, $"{time / one:N0} {name}");
    }

    private static string Bytes(long bytes)
    {
        (int Shift, string Name)[] units = [(30, "GiB"), (20, "MiB"), (10, "KiB"), (0, "B")];
        (int shift, string name) = units.First(unit => bytes >> unit.Shift << unit.Shift == bytes);
        return string.Create(CultureInfo.InvariantCulture, $"{bytes >> shift:N0} {name}");
    }
}
