using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace DurableSeller;

/// <summary>The options of a run. A value that breaks its rule, or that another option makes meaningless, is refused.</summary>
internal static class Options
{
    private const int MaxDeliveries = 10_000_000;

    private const int DeliveriesPerCycle = 20_000;

    private const string Sqlite = "sqlite:";

    private const string PostgreSql = "postgres:";

    public static readonly Option<string?> Store = Text(
        "--store",
        "sqlite:FILE or postgres:CONNECTION-STRING. Runs on one store do not disturb each other. Default: a new SQLite file in the "
        + "temporary folder.",
        static text => IsStore(text) ? null : "--store takes sqlite:FILE or postgres:CONNECTION-STRING."); // It may have a password.

    public static readonly Option<int> Deliveries = Number("--deliveries", "How many webhooks to commit.", 20_000, 1, MaxDeliveries);

    public static readonly Option<int> Workers = Number("--workers", "How many worker processes.", 2, 1, 16);

    public static readonly Option<int> Producers = Number("--producers", "How many producer processes.", 3, 1, 16);

    public static readonly Option<bool> Chaos = new("--chaos")
    {
        Description = "Kill, pause and stop workers while they deliver.",
    };

    public static readonly Option<int?> Cycles = Number(
        "--cycles", "With --chaos: how often each kind of event happens.", 1, 10_000, "once for each 20,000 deliveries, at least once");

    public static readonly Option<string?> RestartCommand = Text(
        "--restart-command",
        "With --chaos and a PostgreSQL store: a shell command that restarts the database's server. It must not fail. Default: none.",
        static text => string.IsNullOrWhiteSpace(text) ? "--restart-command takes a shell command, not an empty text." : null);

    public static readonly Option<string?> Accepted = FileName(
        "--accepted", "Where the producers write a line of JSON for each committed webhook. Default: a new file in the temporary folder.");

    public static readonly Option<string?> Received = FileName(
        "--received", "Where the receiver writes a line of JSON for each request. Default: nowhere.");

    public static readonly Option<int?> Seed = Number("--seed", "With --chaos: makes the chaos repeatable.", 0, int.MaxValue, "1");

    public static readonly Option<int> TimeLimit =
        Number("--time-limit", "After how many seconds a run that has not ended is given up.", 600, 1, 86_400);

    public static readonly Option<bool> Json = new("--json") { Description = "Print one JSON object in the last line." };

    /// <summary>Gets the options in the order of the help.</summary>
    public static IReadOnlyList<Option> All { get; } =
    [
        Store, Deliveries, Workers, Producers, Chaos, Cycles, RestartCommand, Accepted, Received, Seed, TimeLimit, Json,
    ];

    /// <summary>Returns how often each kind of event happens.</summary>
    public static int CyclesOf(ParseResult given) =>
        given.GetValue(Cycles) ?? Math.Max(1, given.GetValue(Deliveries) / DeliveriesPerCycle);

    /// <summary>Returns the rule that the options break together; <c>null</c> if there is none. Each of them keeps its own rule.</summary>
    public static string? Contradiction(ParseResult given) =>
        SharedFile(given) ?? (given.GetValue(Chaos) ? ChaosFault(given) : MeaninglessWithoutChaos(given));

    private static string? MeaninglessWithoutChaos(ParseResult given)
    {
        Option[] some = [Cycles, Seed, RestartCommand];
        return Array.Find(some, option => given.GetResult(option) is { Implicit: false }) is { } found
            ? string.Create(
                CultureInfo.InvariantCulture, $"{found.Name} {given.GetResult(found)!.Tokens[0].Value} has a meaning only with --chaos.")
            : null;
    }

    private static string? ChaosFault(ParseResult given)
    {
        bool restarts = given.GetValue(RestartCommand) is not null;
        if (restarts && given.GetValue(Store)?.StartsWith(PostgreSql, StringComparison.Ordinal) != true)
        {
            return "--restart-command needs a server that restarts: --store postgres:CONNECTION-STRING.";
        }

        int cycles = CyclesOf(given), deliveries = given.GetValue(Deliveries), limit = given.GetValue(TimeLimit);
        int producers = given.GetValue(Producers);
        long events = DurableSeller.Chaos.EventsOf(cycles, restarts);
        long least = DurableSeller.Chaos.LeastDeliveries(events, producers);
        if (deliveries < least)
        {
            return string.Create(
                CultureInfo.InvariantCulture,
                $"--deliveries takes at least {least} with --chaos --cycles {cycles} --producers {producers}, so that each of {events} "
                + $"events finds a busy worker, not {deliveries}.");
        }

        int pauses = cycles * (int)DurableSeller.Chaos.Pause.TotalSeconds;
        return limit > pauses ? null : string.Create(
            CultureInfo.InvariantCulture,
            $"--time-limit takes more than {pauses} with --chaos --cycles {cycles}, which pauses workers for {pauses} s, not {limit}.");
    }

    /// <summary>Finds two options that name one file, which would be overwritten.</summary>
    private static string? SharedFile(ParseResult given)
    {
        List<(string Option, string Path)> files = [];
        Add("--store", given.GetValue(Store) is { } store && store.StartsWith(Sqlite, StringComparison.Ordinal)
            ? store[Sqlite.Length..] : null);
        Add("--received", given.GetValue(Received));
        Add("--accepted", given.GetValue(Accepted));
        for (int i = 0; i < given.GetValue(Producers); i++)
        {
            Add("--accepted", given.GetValue(Accepted) is { } accepted ? Settings.PartOf(accepted, i) : null);
        }

        IGrouping<string, (string Option, string Path)>? shared =
            files.GroupBy(static file => file.Path, StringComparer.Ordinal).FirstOrDefault(static group => group.Count() > 1);
        return shared is not null
            ? $"{string.Join(" and ", shared.Select(static file => file.Option))} need a file each, not both {shared.Key}."
            : null;

        void Add(string option, string? path)
        {
            if (path is not null)
            {
                files.Add((option, Path.GetFullPath(path)));
            }
        }
    }

    private static bool IsStore(string text) =>
        (text.StartsWith(Sqlite, StringComparison.Ordinal) && IsPath(text[Sqlite.Length..]))
        || (text.StartsWith(PostgreSql, StringComparison.Ordinal) && !string.IsNullOrWhiteSpace(text[PostgreSql.Length..]));

    private static bool IsPath(string text) => !string.IsNullOrWhiteSpace(text) && !text.Contains('\0', StringComparison.Ordinal);

    private static Option<string?> FileName(string name, string description) =>
        Text(name, description, text => IsPath(text) ? null : $"{name} takes the name of a file, not an empty text.");

    /// <param name="name">The name of the option.</param>
    /// <param name="description">Its description.</param>
    /// <param name="fault">Returns the rule that a text breaks; <c>null</c> if it breaks none.</param>
    private static Option<string?> Text(string name, string description, Func<string, string?> fault)
    {
        Option<string?> option = new(name) { Description = description };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && fault(result.Tokens[0].Value) is { } message)
            {
                result.AddError(message);
            }
        });
        return option;
    }

    private static Option<int> Number(string name, string description, int value, int min, int max) => new(name)
    {
        Description = $"{description} {min} to {max}.",
        DefaultValueFactory = _ => value,
        CustomParser = result => Parse(result, name, min, max),
    };

    private static Option<int?> Number(string name, string description, int min, int max, string byDefault) => new(name)
    {
        Description = $"{description} {min} to {max}. Default: {byDefault}.",
        CustomParser = result => Parse(result, name, min, max),
    };

    private static int Parse(ArgumentResult result, string name, int min, int max)
    {
        string text = result.Tokens[0].Value;
        if (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int given) && given >= min && given <= max)
        {
            return given;
        }

        result.AddError($"{name} takes a whole number from {min} to {max}, not {(text.Length == 0 ? "an empty text" : text)}.");
        return min;
    }
}
