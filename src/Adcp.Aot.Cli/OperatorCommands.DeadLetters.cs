using System.CommandLine;
using System.Globalization;
using Adcp.Aot.Operations;
using Adcp.Aot.Operations.Api;

namespace Adcp.Aot.Cli;

/// <content><c>dead-letters list</c>, <c>count</c>, <c>show</c>, <c>redrive</c> and <c>discard</c>.</content>
internal static partial class OperatorCommands
{
    private const int MaxRate = 100_000;
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromMilliseconds(500);

    private static Command DeadLetters() => new("dead-letters", "List, count, show, redrive or discard webhooks that ended undelivered.")
    {
        List(), Count(), Show(), Redrive(), Discard(),
    };

    private static Command List()
    {
        OperatorConnection connection = new(StoreUse.Reads);
        Filter filter = new();
        Option<int> limit = Limit();
        Command command = new("list", "List the newest dead letters.") { limit };
        filter.AddTo(command);
        connection.AddTo(command);
        command.SetAction((arguments, cancellationToken) => connection.RunAsync(arguments, async operations =>
        {
            DeadLetterQuery query = filter.Of(arguments);
            IReadOnlyList<DeadLetter> rows = await AllAsync(
                (after, most) => operations.ListDeadLettersAsync(
                    query with { Before = after is null ? null : long.Parse(after, CultureInfo.InvariantCulture), Limit = most },
                    cancellationToken),
                arguments.GetValue(limit)).ConfigureAwait(false);
            Print(
                rows, arguments.GetValue(connection.Json), OperationsJson.Default.DeadLetter,
                ["ID", "ENDED", "REASON", "STATUS", "ATTEMPTS", "KEY", "TASK", "TENANT", "RECEIVER"],
                static row =>
                [
                    Text(row.Id), Time(row.EndedAt), Output.Visible(row.Reason), row.StatusCode == 0 ? "-" : Text(row.StatusCode),
                    Text(row.Attempts), Output.Visible(row.IdempotencyKey ?? "-"), Output.Visible(row.TaskId ?? "-"),
                    Output.Visible(row.Tenant ?? "-"), Output.Visible(row.Authority ?? "-"),
                ]);
            return ExitCode.Done;
        }, cancellationToken));
        return command;
    }

    private static Command Count()
    {
        OperatorConnection connection = new(StoreUse.Reads);
        Filter filter = new();
        Command command = new("count", "Count dead letters: exactly up to 10,000. Above it the number may be an estimate.");
        filter.AddTo(command);
        connection.AddTo(command);
        command.SetAction((arguments, cancellationToken) => connection.RunAsync(arguments, async operations =>
        {
            DeadLetterCount count = await operations.CountDeadLettersAsync(filter.Of(arguments), cancellationToken).ConfigureAwait(false);
            if (arguments.GetValue(connection.Json))
            {
                Line(count, OperationsJson.Default.DeadLetterCount);
            }
            else
            {
                Output.Table(["dead letters", Text(count)]);
            }

            return ExitCode.Done;
        }, cancellationToken));
        return command;
    }

    private static Command Show()
    {
        OperatorConnection connection = new(StoreUse.Reads);
        Argument<long> id = new("id") { Description = "The dead letter's id, as 'dead-letters list' prints it." };
        Command command = new("show", "Show a dead letter. Its body is never shown.") { id };
        connection.AddTo(command);
        command.SetAction((arguments, cancellationToken) => connection.RunAsync(arguments, async operations =>
        {
            DeadLetter row = await operations.FindDeadLetterAsync(arguments.GetValue(id), cancellationToken).ConfigureAwait(false)
                ?? throw new CommandException(ExitCode.NotDone, "No such dead letter. It may have been redriven, discarded or purged.");
            if (arguments.GetValue(connection.Json))
            {
                Line(row, OperationsJson.Default.DeadLetter);
                return ExitCode.Done;
            }

            Output.Table(
                ["id", Text(row.Id)],
                ["reason", Output.Visible(row.Reason)],
                ["status", row.StatusCode == 0 ? "-" : Text(row.StatusCode)],
                ["attempts", Text(row.Attempts)],
                ["enqueued", Time(row.EnqueuedAt)],
                ["first attempt", row.FirstAttemptAt is { } first ? Time(first) : "-"],
                ["ended", Time(row.EndedAt)],
                ["redrive", row.IsInsideHorizon ? "same key and bytes" : row.IsRepeatable ? "with a new key only" : "not possible"],
                ["tenant", Output.Visible(row.Tenant ?? "-")],
                ["receiver", Output.Visible(row.Authority ?? "-")],
                ["endpoint id", Output.Visible(row.EndpointId)],
                ["key", Output.Visible(row.IdempotencyKey ?? "-")],
                ["task", Output.Visible(row.TaskId ?? "-")],
                ["notification type", Output.Visible(row.NotificationType ?? "-")]);
            return ExitCode.Done;
        }, cancellationToken));
        return command;
    }

    private static Command Redrive()
    {
        OperatorConnection connection = new(StoreUse.Writes);
        Target target = new("Redrive");
        Option<bool> newKey = new("--allow-new-key")
        {
            Description = "Emit notifications whose retry horizon has passed again, under a new key.",
        };
        Option<int?> rate = Rate();
        Command command = new("redrive", "Deliver dead letters again. Ctrl+C cancels the redrive. The exit code is 1 if any was left.")
        {
            newKey, rate,
        };
        target.AddTo(command);
        connection.AddTo(command);
        command.SetAction((arguments, cancellationToken) =>
        {
            DeadLetterQuery query = target.Of(arguments);
            OperatorAction action = target.ActionOf(arguments);
            if (arguments.GetValue(newKey) && connection.LacksKeys(arguments))
            {
                throw new CommandException(
                    ExitCode.Usage, "--allow-new-key on a database needs --encryption-key-file: the webhook is encrypted again.");
            }

            RedriveOptions options = new()
            {
                IsDryRun = arguments.GetValue(target.DryRun),
                AllowsNewKey = arguments.GetValue(newKey),
                RatePerSecond = arguments.GetValue(rate),
            };
            return connection.RunAsync(arguments, async operations => await EndAsync(
                operations, await operations.StartRedriveAsync(query, options, action, cancellationToken).ConfigureAwait(false), action,
                arguments.GetValue(connection.Json),
                static (job, report) =>
                [
                    [job.IsDryRun ? "would be redriven" : "redriven", Text(report.Redriven)],
                    ["with a new key", Text(report.WithNewKey)],
                    ["left: horizon has passed", Text(report.OutsideHorizon)],
                    ["left: not repeatable", Text(report.NotRepeatable)],
                    ["left: missing or unreadable", Text(report.Missing)],
                ],
                cancellationToken).ConfigureAwait(false), cancellationToken);
        });
        return command;
    }

    private static Command Discard()
    {
        OperatorConnection connection = new(StoreUse.Writes);
        Target target = new("Discard");
        Command command = new(
            "discard", "Delete dead letters permanently. Ctrl+C cancels it. The exit code is 1 if any of the given ids was not there.");
        target.AddTo(command);
        connection.AddTo(command);
        command.SetAction((arguments, cancellationToken) =>
        {
            DeadLetterQuery query = target.Of(arguments);
            OperatorAction action = target.ActionOf(arguments);
            bool isDryRun = arguments.GetValue(target.DryRun);
            return connection.RunAsync(arguments, async operations => await EndAsync(
                operations, await operations.StartDiscardAsync(query, isDryRun, action, cancellationToken).ConfigureAwait(false), action,
                arguments.GetValue(connection.Json),
                static (job, report) =>
                [
                    [job.IsDryRun ? "would be discarded" : "discarded", Text(report.Discarded)],
                    ["left: missing", Text(report.Missing)],
                ],
                cancellationToken).ConfigureAwait(false), cancellationToken);
        });
        return command;
    }

    /// <summary>Waits for the end of a job and prints its report.</summary>
    private static async Task<int> EndAsync(
        IWebhookOperations operations, DeadLetterJob? started, OperatorAction action, bool isJson,
        Func<DeadLetterJob, DeadLetterReport, IEnumerable<string[]>> rows, CancellationToken cancellationToken)
    {
        DeadLetterJob job = await FollowAsync(
            operations, started ?? throw new CommandException(ExitCode.NotDone, "Too many jobs run already. Cancel one, or wait."), action,
            cancellationToken).ConfigureAwait(false);
        DeadLetterReport report = job.Report;
        if (isJson)
        {
            Line(job, OperationsJson.Default.DeadLetterJob);
        }
        else
        {
            Output.Table([.. rows(job, report), ["state", Name(job.State)]]);
        }

        if (report.ContinueBefore is { } rest)
        {
            Console.Error.WriteLine($"To continue, repeat the command with --before {Text(rest)}.");
        }

        return job.State == DeadLetterJobState.Done && report.OutsideHorizon + report.NotRepeatable + report.Missing == 0
            ? ExitCode.Done
            : ExitCode.NotDone;
    }

    /// <summary>Waits for the end of a job. If the command is cancelled, so is the job.</summary>
    private static async Task<DeadLetterJob> FollowAsync(
        IWebhookOperations operations, DeadLetterJob job, OperatorAction action, CancellationToken cancellationToken)
    {
        string id = job.Id;
        while (job.State == DeadLetterJobState.Running)
        {
            await Task.Delay(ProgressInterval, TimeProvider.System, cancellationToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (cancellationToken.IsCancellationRequested)
            {
                return await operations.CancelDeadLetterJobAsync(id, action, CancellationToken.None).ConfigureAwait(false)
                    ?? throw Gone(id);
            }

            IReadOnlyList<DeadLetterJob> jobs = await operations.ListDeadLetterJobsAsync(CancellationToken.None).ConfigureAwait(false);
            job = jobs.FirstOrDefault(other => other.Id == id) ?? throw Gone(id);
            if (!Console.IsErrorRedirected)
            {
                Console.Error.WriteLine(ProgressOf(job));
            }
        }

        return job;
    }

    /// <summary>Returns the progress of a job in words: its rate, and why it waits.</summary>
    private static string ProgressOf(DeadLetterJob job)
    {
        string handled = $"{Text(job.Report.Handled)} {(job.IsDiscard ? "discarded" : "redriven")}";
        string rate = job.RatePerSecond is { } perSecond ? $", {Text(perSecond)} a second" : "";
        return handled + rate + job.Report.Wait switch
        {
            RedriveWait.FreshDeliveries => ", waits for fresh deliveries",
            RedriveWait.Workers => ", waits for workers: none runs, deliveries are paused, or the endpoints answer slowly",
            _ => "",
        };
    }

    private static CommandException Gone(string id) => new(
        ExitCode.NotDone,
        $"The process that answers does not know job {Output.Visible(id)}: it was restarted, or another process answers.");

    private static OperatorAction ActionOf(ParseResult arguments, Option<string?> reason) =>

        // An operator page names the actor by the token.
        CommandException.UsageOf(
            () => new OperatorAction(Environment.UserName is { Length: > 0 } user ? user : "command line", arguments.GetValue(reason)),
            "--reason");

    private static string Text(DeadLetterCount count) => (count.IsEstimate ? "about " : "") + Text(count.Count);

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static Option<long[]> Ids() => new("--id")
    {
        Description = "The id of a dead letter; may be given many times.",
        AllowMultipleArgumentsPerToken = true,
    };

    private static Option<int?> Rate()
    {
        Option<int?> rate = new("--rate") { Description = $"The most dead letters a second. 1 to {MaxRate}. Default 200." };
        rate.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is < 1 or > MaxRate)
            {
                result.AddError($"--rate takes a whole number from 1 to {MaxRate}.");
            }
        });
        return rate;
    }

    /// <summary>The options that name the dead letters of a job, and its reason.</summary>
    /// <param name="verb">The name of the job, with a capital letter.</param>
    private sealed class Target(string verb)
    {
        private readonly Filter _filter = new();
        private readonly Option<long[]> _ids = Ids();
        private readonly Option<bool> _all = new("--all")
        {
            Description = $"{verb} all dead letters, if there is neither an id nor a filter.",
        };

        private readonly Option<long?> _before = new("--before") { Description = "Continue below this id, as a cancelled job printed it." };
        private readonly Option<string?> _reason = Optional("--reason", "The reason of the action, for the record.");

        internal Option<bool> DryRun { get; } = new("--dry-run") { Description = "Only count." };

        internal void AddTo(Command command)
        {
            command.Options.Add(_ids);
            command.Options.Add(_all);
            command.Options.Add(_before);
            command.Options.Add(DryRun);
            command.Options.Add(_reason);
            _filter.AddTo(command);
        }

        internal OperatorAction ActionOf(ParseResult arguments) => OperatorCommands.ActionOf(arguments, _reason);

        /// <exception cref="CommandException">The options name no dead letters, or contradict each other.</exception>
        internal DeadLetterQuery Of(ParseResult arguments)
        {
            long[] given = arguments.GetValue(_ids) ?? [];
            DeadLetterQuery query = _filter.Of(arguments) with { Before = arguments.GetValue(_before) };
            bool isFiltered = query is not { Tenant: null, Reason: null, EndpointId: null, NotificationType: null };
            if (given.Length > 0 ? isFiltered || arguments.GetValue(_all) : isFiltered == arguments.GetValue(_all))
            {
                throw new CommandException(
                    ExitCode.Usage,
                    $"{arguments.CommandResult.Command.Name} takes --id, or --tenant, --dead-reason, --endpoint or --notification-type, or "
                    + "--all: one of these three.");
            }

            return given.Length > 0 ? CommandException.UsageOf(() => query with { Ids = given }, "--id") : query;
        }
    }

    /// <summary>The options that filter dead letters.</summary>
    private sealed class Filter
    {
        private readonly Option<string?> _tenant = Optional("--tenant", "Only dead letters of this tenant.");
        private readonly Option<string?> _reason = Optional("--dead-reason", "Only dead letters with this reason, such as rejected.");
        private readonly Option<string?> _endpoint = Optional("--endpoint", "Only dead letters of the endpoint with this id.");
        private readonly Option<string?> _type = Optional("--notification-type", "Only dead letters with this notification type.");

        internal void AddTo(Command command)
        {
            command.Options.Add(_tenant);
            command.Options.Add(_reason);
            command.Options.Add(_endpoint);
            command.Options.Add(_type);
        }

        internal DeadLetterQuery Of(ParseResult arguments) => CommandException.UsageOf(
            () => new DeadLetterQuery
            {
                Tenant = arguments.GetValue(_tenant),
                Reason = arguments.GetValue(_reason),
                EndpointId = arguments.GetValue(_endpoint),
                NotificationType = arguments.GetValue(_type),
            },
            "--endpoint");
    }
}
