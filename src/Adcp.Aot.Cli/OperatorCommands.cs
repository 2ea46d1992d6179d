using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Adcp.Aot.Auditing;
using Adcp.Aot.Operations;
using Adcp.Aot.Operations.Api;
using Adcp.Aot.Resilience;

namespace Adcp.Aot.Cli;

/// <summary>
/// <c>status</c>, <c>endpoints</c>, <c>attempts</c>, <c>workers</c>, <c>actions</c>, <c>isolate</c>, <c>reset</c> and
/// <c>dead-letters</c>: the operator page in a shell.
/// </summary>
internal static partial class OperatorCommands
{
    private const int MaxRows = 100_000;
    private const int RowsOfPage = 1000;

    internal static IEnumerable<Command> Create() =>
    [
        Status(), Endpoints(), Attempts(), Workers(), Actions(), DeadLetters(),
        Act("isolate", "Refuse every delivery to an endpoint until it is reset.", static (operations, id, action, cancellationToken) =>
            operations.IsolateAsync(id, action, cancellationToken)),
        Act("reset", "Close the circuit of an endpoint and forget its failures.", static (operations, id, action, cancellationToken) =>
            operations.ResetAsync(id, action, cancellationToken)),
    ];

    private static Command Status()
    {
        Connection connection = new();
        Command command = new("status", "Print the state of deliveries. The exit code is 1 if an endpoint is open or isolated.");
        connection.AddTo(command);
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using OperationsClient operations = connection.Open(arguments);
            OperationsStatus status = await operations.GetStatusAsync(cancellationToken).ConfigureAwait(false);
            if (arguments.GetValue(connection.Json))
            {
                Line(status, OperationsJson.Default.OperationsStatus);
            }
            else
            {
                Output.Table([.. Rows(status)]);
            }

            return status.OpenEndpoints + status.IsolatedEndpoints > 0 ? ExitCode.NotDone : ExitCode.Done;
        });
        return command;
    }

    private static IEnumerable<string[]> Rows(OperationsStatus status)
    {
        yield return ["in flight", Text(status.InFlight)];
        foreach ((string name, long? value) in new (string, long?)[]
        {
            ("waiting", status.Waiting), ("waiting for a retry", status.Parked), ("dead letters", status.DeadLetters),
            ("workers", status.Workers), ("lanes without a worker", status.UnownedLanes),
        })
        {
            if (value is { } number)
            {
                yield return [name, Text(number)];
            }
        }

        foreach (DeadLetterCount count in status.DeadByReason)
        {
            yield return [$"dead: {Output.Visible(count.Reason ?? "-")}", Text(count)];
        }

        if (status.FencedOff is { } fencedOff)
        {
            yield return ["results fenced off", Text(fencedOff)];
        }

        if (status.OldestDue is { } due)
        {
            yield return ["oldest due", due.ToString("c", CultureInfo.InvariantCulture)];
        }

        yield return ["endpoints", Text(status.Endpoints)];
        yield return ["circuits open", Text(status.OpenEndpoints)];
        yield return ["isolated", Text(status.IsolatedEndpoints)];
        yield return ["audit records dropped", Text(status.RecordsDropped)];
        if (status.StoreError is { } fault)
        {
            yield return ["store", Output.Visible(fault)];
        }

        if (status.Activity.Count > 0)
        {
            yield return ["delivered in the last hour", Text(status.Activity.Sum(static minute => minute.Delivered))];
            yield return ["failed in the last hour", Text(status.Activity.Sum(static minute => minute.Failed))];
        }
    }

    private static Command Endpoints()
    {
        Connection connection = new();
        Option<string?> state = Optional("--state", "Only endpoints in this state: closed, open, half_open or isolated.");
        Option<string?> text = Optional("--text", "Only endpoints whose name contains this text.");
        Option<int> limit = Limit();
        Command command = new("endpoints", "List endpoints, those in trouble first.") { state, text, limit };
        connection.AddTo(command);
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using OperationsClient operations = connection.Open(arguments);
            EndpointQuery query = new()
            {
                State = Parse<CircuitState>(arguments.GetValue(state), "--state"),
                Text = arguments.GetValue(text),
            };
            IReadOnlyList<EndpointStatus> rows = await AllAsync(
                (after, most) => operations.ListEndpointsAsync(query with { After = after, Limit = most }, cancellationToken),
                arguments.GetValue(limit)).ConfigureAwait(false);
            Print(
                rows, arguments.GetValue(connection.Json), OperationsJson.Default.EndpointStatus,
                ["ID", "STATE", "FAILURES", "IN FLIGHT", "LAST ERROR", "ENDPOINT"],
                static row =>
                [
                    Output.Visible(row.Id), Name(row.State), Text(row.ConsecutiveFailures), Text(row.InFlight),
                    Output.Visible(row.LastError ?? "-"), Output.Visible(row.Name),
                ]);
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Attempts()
    {
        Connection connection = new();
        Option<string?> outcome = Optional("--outcome", "Only attempts with this outcome, such as failure or circuit_open.");
        Option<string?> endpoint = Optional("--endpoint", "Only attempts at the endpoint with this name.");
        Option<string?> task = Optional("--task-id", "Only attempts that report on this task.");
        Option<string?> key = Optional("--idempotency-key", "Only attempts of this delivery.");
        Option<int> limit = Limit();
        Command command = new("attempts", "List the newest attempts.") { outcome, endpoint, task, key, limit };
        connection.AddTo(command);
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using OperationsClient operations = connection.Open(arguments);
            AttemptQuery query = new()
            {
                Outcome = Parse<AttemptOutcome>(arguments.GetValue(outcome), "--outcome"),
                Endpoint = arguments.GetValue(endpoint),
                TaskId = arguments.GetValue(task),
                IdempotencyKey = arguments.GetValue(key),
            };
            IReadOnlyList<DeliveryAttemptSnapshot> rows = await AllAsync(
                (after, most) => operations.ListAttemptsAsync(query with { After = after, Limit = most }, cancellationToken),
                arguments.GetValue(limit)).ConfigureAwait(false);
            Print(
                rows, arguments.GetValue(connection.Json), OperationsJson.Default.DeliveryAttemptSnapshot,
                ["ENDED", "OUTCOME", "ATTEMPT", "ANSWER", "KEY", "TASK", "ENDPOINT"],
                static row =>
                [
                    Time(row.CompletedAt), Name(row.Outcome),
                    row.IsAttempt ? string.Create(CultureInfo.InvariantCulture, $"{row.AttemptNumber}/{row.MaxAttempts}") : "-",
                    Output.Visible(row.ErrorMessage ?? row.HttpStatusCode?.ToString(CultureInfo.InvariantCulture) ?? "-"),
                    Output.Visible(row.IdempotencyKey), Output.Visible(row.TaskId ?? "-"), Output.Visible(row.BreakerKey),
                ]);
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Workers()
    {
        Connection connection = new();
        Command command = new("workers", "List the workers of the outbox. The exit code is 1 if no worker owns a lane.");
        connection.AddTo(command);
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using OperationsClient operations = connection.Open(arguments);
            WorkersStatus workers = await operations.ListWorkersAsync(cancellationToken).ConfigureAwait(false);
            if (arguments.GetValue(connection.Json))
            {
                Line(workers, OperationsJson.Default.WorkersStatus);
            }
            else
            {
                Output.Table(
                [
                    ["ID", "NAME", "LANES", "LEASE", "STATE"],
                    .. workers.Workers.Select(static worker => new[]
                    {
                        worker.Id.ToString(), Output.Visible(worker.Name), Text(worker.Lanes.Count),
                        worker.LeaseLeft.ToString("c", CultureInfo.InvariantCulture),
                        worker.LeaseLeft <= TimeSpan.Zero ? "lost" : worker.IsDraining ? "draining" : "working",
                    }),
                ]);
                if (workers.UnownedLanes.Count > 0)
                {
                    Console.Out.WriteLine($"Lanes without a worker: {string.Join(", ", workers.UnownedLanes)}");
                }
            }

            return workers.UnownedLanes.Count > 0 ? ExitCode.NotDone : ExitCode.Done;
        });
        return command;
    }

    private static Command Actions()
    {
        Connection connection = new();
        Command command = new("actions", "List the newest actions of operators.");
        connection.AddTo(command);
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using OperationsClient operations = connection.Open(arguments);
            IReadOnlyList<ActionRecord> rows = await operations.ListActionsAsync(cancellationToken).ConfigureAwait(false);
            Print(
                rows, arguments.GetValue(connection.Json), OperationsJson.Default.ActionRecord,
                ["TIME", "ACTOR", "ACTION", "TARGET", "REASON"],
                static row =>
                [
                    Time(row.At), Output.Visible(row.Actor),
                    Output.Visible(row.Action), Output.Visible(row.Target), Output.Visible(row.Reason ?? "-"),
                ]);
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Act(
        string name, string description,
        Func<OperationsClient, string, OperatorAction, CancellationToken, ValueTask<EndpointStatus?>> act)
    {
        Connection connection = new();
        Argument<string> id = new("id") { Description = "The endpoint's id, as 'endpoints' prints it." };
        Option<string?> reason = Optional("--reason", "The reason, for the record.");
        Command command = new(name, description) { id, reason };
        connection.AddTo(command);
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using OperationsClient operations = connection.Open(arguments);

            OperatorAction action = ActionOf(arguments, reason);
            string endpoint = arguments.GetValue(id)!;
            EndpointStatus status = await act(operations, endpoint, action, cancellationToken).ConfigureAwait(false)
                ?? throw new CommandException(ExitCode.NotDone, $"The process knows no endpoint with the id {Output.Visible(endpoint)}.");
            if (arguments.GetValue(connection.Json))
            {
                Line(status, OperationsJson.Default.EndpointStatus);
            }
            else
            {
                Output.Table([Output.Visible(status.Id), Name(status.State), Output.Visible(status.Name)]);
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static async Task<IReadOnlyList<T>> AllAsync<T>(Func<string?, int, ValueTask<OperationsPage<T>>> page, int limit)
    {
        List<T> rows = [];
        string? after = null;
        do
        {
            OperationsPage<T> next = await page(after, Math.Min(RowsOfPage, limit - rows.Count)).ConfigureAwait(false);
            rows.AddRange(next.Items);
            after = next.Items.Count == 0 ? null : next.Next;
        }
        while (after is not null && rows.Count < limit);
        return rows;
    }

    private static void Print<T>(
        IReadOnlyList<T> rows, bool isJson, JsonTypeInfo<T> type, string[] columns, Func<T, string[]> cells)
    {
        if (!isJson)
        {
            Output.Table([columns, .. rows.Select(cells)]);
            return;
        }

        foreach (T row in rows)
        {
            Line(row, type);
        }
    }

    private static void Line<T>(T value, JsonTypeInfo<T> type) =>
        Output.Raw([.. JsonSerializer.SerializeToUtf8Bytes(value, type), (byte)'\n']);

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Name<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    private static T? Parse<T>(string? text, string option)
        where T : struct, Enum
    {
        if (text is null)
        {
            return null;
        }

        foreach (T value in Enum.GetValues<T>())
        {
            if (Name(value) == text)
            {
                return value;
            }
        }

        throw new CommandException(ExitCode.Usage, $"{option} is one of {string.Join(", ", Enum.GetValues<T>().Select(Name))}.");
    }

    private static Option<string?> Optional(string name, string description) => new(name) { Description = description };

    private static Option<int> Limit() => Options.Number("--limit", "The most rows.", 100, 1, MaxRows);

    /// <summary>The options that name an operator page.</summary>
    private sealed class Connection
    {
        private readonly Option<string> _url =
            Options.Text("--url", "The url of the operator page, such as https://host/adcp.", required: true);

        private readonly Option<string?> _tokenFile =
            Optional("--token-file", "The file with the bearer token; - for the standard input.");

        internal Option<bool> Json { get; } = Options.Json();

        internal void AddTo(Command command)
        {
            command.Options.Add(_url);
            command.Options.Add(_tokenFile);
            command.Options.Add(Json);
        }

        internal OperationsClient Open(ParseResult arguments) => new(
            arguments.GetValue(_url)!,
            arguments.GetValue(_tokenFile) is { } file ? InputFile.Secret(file, "--token-file") : null);
    }
}
