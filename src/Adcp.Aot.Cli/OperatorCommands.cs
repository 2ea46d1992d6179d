using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Adcp.Aot.Auditing;
using Adcp.Aot.Operations;
using Adcp.Aot.Operations.Api;
using Adcp.Aot.Resilience;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Cli;

/// <summary>
/// <c>status</c>, <c>endpoints</c>, <c>attempts</c>, <c>delivery</c>, <c>workers</c>, <c>actions</c>, <c>isolate</c>, <c>reset</c>,
/// <c>pause</c>, <c>resume</c> and <c>dead-letters</c>: the operator page in a shell.
/// </summary>
internal static partial class OperatorCommands
{
    private const int MaxRows = 100_000;
    private const int RowsOfPage = 1000;

    internal static IEnumerable<Command> Create() =>
    [
        Status(), Endpoints(), Attempts(), Delivery(), Workers(), Actions(), DeadLetters(),
        Act("isolate", "Refuse every delivery to an endpoint until it is reset.", static (operations, id, action, cancellationToken) =>
            operations.IsolateAsync(id, action, cancellationToken)),
        Act(
            "reset", "End the isolation of an endpoint, close its circuit and forget its failures.",
            static (operations, id, action, cancellationToken) => operations.ResetAsync(id, action, cancellationToken)),
        ActOnAll("pause", "Pause all deliveries of an outbox until 'resume'.", static (operations, action, cancellationToken) =>
            operations.PauseAsync(action, cancellationToken)),
        ActOnAll("resume", "End the pause of all deliveries.", static (operations, action, cancellationToken) =>
            operations.ResumeAsync(action, cancellationToken)),
    ];

    private static Command Status()
    {
        OperatorConnection connection = new(StoreUse.Reads);
        Command command = new(
            "status",
            "Print the state of deliveries. The exit code is 1 if an endpoint is open or isolated, deliveries are paused, or the store "
            + "fails.");
        connection.AddTo(command);
        command.SetAction((arguments, cancellationToken) => connection.RunAsync(arguments, async operations =>
        {
            OperationsStatus status = await operations.GetStatusAsync(cancellationToken).ConfigureAwait(false);
            if (arguments.GetValue(connection.Json))
            {
                Line(status, OperationsJson.Default.OperationsStatus);
            }
            else
            {
                Output.Table([.. Rows(status)]);
            }

            return status.OpenEndpoints > 0 || status.IsolatedEndpoints > 0 || status.Pause is not null || status.StoreError is not null
                ? ExitCode.NotDone
                : ExitCode.Done;
        }, cancellationToken));
        return command;
    }

    private static IEnumerable<string[]> Rows(OperationsStatus status)
    {
        if (status.Pause is { } pause)
        {
            yield return ["paused", Text(pause)];
        }

        foreach (string[] row in Known(
            ("in flight", status.InFlight), ("waiting", status.Waiting), ("waiting for a retry", status.Parked),
            ("dead letters", status.DeadLetters), ("workers", status.Workers), ("lanes without a worker", status.UnownedLanes)))
        {
            yield return row;
        }

        foreach (DeadLetterCount count in status.DeadByReason)
        {
            yield return [$"dead: {Output.Visible(count.Reason ?? "-")}", Text(count)];
        }

        if (status.OldestDue is { } due)
        {
            yield return ["oldest due", due.ToString("c", CultureInfo.InvariantCulture)];
        }

        foreach (string[] row in Known(
            ("results fenced off", status.FencedOff), ("endpoints", status.Endpoints), ("circuits open", status.OpenEndpoints),
            ("isolated", status.IsolatedEndpoints), ("audit records dropped", status.RecordsDropped)))
        {
            yield return row;
        }

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

    private static IEnumerable<string[]> Known(params (string Name, long? Value)[] figures) =>
        figures.Where(static figure => figure.Value is not null).Select(static figure => new[] { figure.Name, Text(figure.Value!.Value) });

    private static Command Endpoints()
    {
        OperatorConnection connection = new(StoreUse.Reads);
        Option<string?> state = Optional("--state", "Only endpoints in this state: closed, open, half_open or isolated.");
        Option<string?> text = Optional("--text", "Only endpoints whose name contains this text.");
        Option<int> limit = Limit();
        Command command = new(
            "endpoints",
            "List endpoints, those in trouble first. Of a database: those that are isolated, and 1,000 with webhooks waiting for a retry.")
        {
            state, text, limit,
        };
        connection.AddTo(command);
        command.SetAction((arguments, cancellationToken) => connection.RunAsync(arguments, async operations =>
        {
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
                ["ID", "STATE", "FAILURES", "IN FLIGHT", "BACKLOG", "LAST ERROR", "NEXT PROBE", "ISOLATED", "ENDPOINT"],
                static row =>
                [
                    Output.Visible(row.Id), State(row), Text(row.ConsecutiveFailures), Text(row.InFlight),
                    row.Backlog is { } backlog ? Text(backlog) : "-", Output.Visible(row.LastError ?? "-"),
                    row.NextProbeIn?.ToString("c", CultureInfo.InvariantCulture) ?? "-", row.Isolation is { } stop ? Text(stop) : "-",
                    Output.Visible(row.Name),
                ]);
            return ExitCode.Done;
        }, cancellationToken));
        return command;
    }

    private static Command Attempts()
    {
        OperatorConnection connection = new(StoreUse.ReadsAttempts);
        Option<string?> outcome = Optional("--outcome", "Only attempts with this outcome, such as failure or circuit_open.");
        Option<string?> endpoint = Optional("--endpoint", "Only attempts at the endpoint with this name.");
        Option<string?> task = Optional("--task-id", "Only attempts that report on this task.");
        Option<string?> type = Optional("--notification-type", "Only attempts with this notification type.");
        Option<string?> key = Optional("--idempotency-key", "Only attempts of this delivery.");
        Option<string?> since = Optional("--since", "Only attempts that ended at this time or later, such as 2026-01-31T12:00:00Z.");
        Option<string?> until = Optional("--until", "Only attempts that ended at this time or before.");
        Option<int> limit = Limit();
        Command command = new("attempts", "List the newest attempts.") { outcome, endpoint, task, type, key, since, until, limit };
        connection.AddTo(command);
        command.SetAction((arguments, cancellationToken) => connection.RunAsync(arguments, async operations =>
        {
            AttemptQuery query = new()
            {
                Outcome = Parse<AttemptOutcome>(arguments.GetValue(outcome), "--outcome"),
                Endpoint = arguments.GetValue(endpoint),
                TaskId = arguments.GetValue(task),
                NotificationType = arguments.GetValue(type),
                IdempotencyKey = arguments.GetValue(key),
                Since = ParseTime(arguments.GetValue(since), "--since"),
                Until = ParseTime(arguments.GetValue(until), "--until"),
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
                    !row.IsAttempt ? "-"
                        : row.MaxAttempts == 0 ? Text(row.AttemptNumber)
                        : $"{Text(row.AttemptNumber)}/{Text(row.MaxAttempts)}",
                    Output.Visible(row.ErrorMessage ?? row.HttpStatusCode?.ToString(CultureInfo.InvariantCulture) ?? "-"),
                    Output.Visible(row.IdempotencyKey), Output.Visible(row.TaskId ?? "-"), Output.Visible(row.BreakerKey),
                ]);
            return ExitCode.Done;
        }, cancellationToken));
        return command;
    }

    private static Command Delivery()
    {
        OperatorConnection connection = new(StoreUse.Reads, hasAttempts: true);
        Argument<string> key = new("key") { Description = "The idempotency key, as 'attempts' and 'dead-letters list' print it." };
        Option<long?> letter = new("--dead-letter") { Description = "The id of its dead letter, which saves the search." };
        Option<string?> tenant = Optional("--tenant", "The tenant, if several use the key.");
        Option<string?> id = Optional("--delivery-id", "The id that the caller gave the delivery. Needs --tenant.");
        Command command = new("delivery", "Print the story of a delivery. The exit code is 1 if it is not known.")
        {
            key, letter, tenant, id,
        };
        connection.AddTo(command);
        command.SetAction((arguments, cancellationToken) =>
        {
            DeliveryQuery query = new()
            {
                IdempotencyKey = arguments.GetValue(key)!,
                DeadLetterId = arguments.GetValue(letter),
                Tenant = arguments.GetValue(tenant),
                DeliveryId = arguments.GetValue(id),
            };
            return query.DeliveryId is null || query.Tenant is not null
                ? connection.RunAsync(arguments, RunAsync, cancellationToken)
                : throw new CommandException(ExitCode.Usage, "--delivery-id needs --tenant.");

            async Task<int> RunAsync(IWebhookOperations operations)
            {
                DeliveryStory story = await operations.FindDeliveryAsync(query, cancellationToken).ConfigureAwait(false)
                    ?? throw new CommandException(
                        ExitCode.NotDone,
                        connection.LacksKeys(arguments)
                            ? "No such delivery among the dead letters and the webhooks that wait for a retry. Webhooks that no worker has "
                                + "read yet, and those of an earlier release, are encrypted: give --encryption-key-file, or --tenant and "
                                + "--delivery-id."
                            : "No such delivery.");
                if (arguments.GetValue(connection.Json))
                {
                    Line(story, OperationsJson.Default.DeliveryStory);
                }
                else
                {
                    Output.Table([.. Rows(story)]);
                }

                return ExitCode.Done;
            }
        });
        return command;
    }

    private static IEnumerable<string[]> Rows(DeliveryStory story)
    {
        yield return ["key", Output.Visible(story.IdempotencyKey)];
        yield return ["state", story.State is { } state ? Name(state) : "unknown"];
        if (story.Tenant is { } tenant)
        {
            yield return ["tenant", Output.Visible(tenant)];
        }

        if (story.OtherTenants.Count > 0)
        {
            yield return ["same key", Output.Visible(string.Join(", ", story.OtherTenants))];
        }

        if (story.EnqueuedAt is { } enqueued)
        {
            yield return ["enqueued", Time(enqueued)];
        }

        foreach (DeliveryAttemptSnapshot attempt in story.Attempts)
        {
            string answer = attempt.ErrorMessage ?? attempt.HttpStatusCode?.ToString(CultureInfo.InvariantCulture) ?? "";
            yield return [attempt.IsAttempt ? "attempt" : "no attempt", $"{Time(attempt.CompletedAt)} {Name(attempt.Outcome)} "
                + Output.Visible(answer)];
        }

        if (story.DeadLetter is { } dead)
        {
            yield return ["dead", $"{Time(dead.EndedAt)} {Output.Visible(dead.Reason)}, dead letter {Text(dead.Id)}"];
        }
    }

    private static Command Workers()
    {
        OperatorConnection connection = new(StoreUse.Reads);
        Command command = new("workers", "List the workers of the outbox. The exit code is 1 if any lane has no worker.");
        connection.AddTo(command);
        command.SetAction((arguments, cancellationToken) => connection.RunAsync(arguments, async operations =>
        {
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
        }, cancellationToken));
        return command;
    }

    private static Command Actions()
    {
        OperatorConnection connection = new(StoreUse.Reads);
        Command command = new(
            "actions",
            "List the newest actions of operators. A database keeps the last pause, isolations and resets of a day, and no redrives.");
        connection.AddTo(command);
        command.SetAction((arguments, cancellationToken) => connection.RunAsync(arguments, async operations =>
        {
            IReadOnlyList<ActionRecord> rows = operations is OutboxOperations store
                ? await store.ListStoredActionsAsync(cancellationToken).ConfigureAwait(false)
                : await operations.ListActionsAsync(cancellationToken).ConfigureAwait(false);
            Print(
                rows, arguments.GetValue(connection.Json), OperationsJson.Default.ActionRecord,
                ["TIME", "ACTOR", "ACTION", "TARGET", "REASON"],
                static row =>
                [
                    Time(row.At), Output.Visible(row.Actor),
                    Output.Visible(row.Action), Output.Visible(row.Target), Output.Visible(row.Reason ?? "-"),
                ]);
            return ExitCode.Done;
        }, cancellationToken));
        return command;
    }

    private static Command Act(
        string name, string description,
        Func<IWebhookOperations, string, OperatorAction, CancellationToken, ValueTask<EndpointStatus?>> act)
    {
        OperatorConnection connection = new(StoreUse.Writes);
        Argument<string> id = new("id") { Description = "The endpoint's id, as 'endpoints' and 'dead-letters list --json' print it." };
        Option<string?> reason = Optional("--reason", "The reason, for the record.");
        Command command = new(name, description) { id, reason };
        connection.AddTo(command);
        command.SetAction((arguments, cancellationToken) => connection.RunAsync(arguments, async operations =>
        {
            OperatorAction action = ActionOf(arguments, reason);
            string endpoint = arguments.GetValue(id)!;
            EndpointStatus status = await act(operations, endpoint, action, cancellationToken).ConfigureAwait(false)
                ?? throw new CommandException(ExitCode.NotDone, $"There is no endpoint with the id {Output.Visible(endpoint)}.");
            if (arguments.GetValue(connection.Json))
            {
                Line(status, OperationsJson.Default.EndpointStatus);
            }
            else
            {
                Output.Table([Output.Visible(status.Id), State(status), Output.Visible(status.Name)]);
            }

            return ExitCode.Done;
        }, cancellationToken));
        return command;
    }

    private static Command ActOnAll(
        string name, string description, Func<IWebhookOperations, OperatorAction, CancellationToken, ValueTask<OperationsStatus>> act)
    {
        OperatorConnection connection = new(StoreUse.Writes);
        Option<string?> reason = Optional("--reason", "The reason, for the record.");
        Command command = new(name, description) { reason };
        connection.AddTo(command);
        command.SetAction((arguments, cancellationToken) => connection.RunAsync(arguments, async operations =>
        {
            OperationsStatus status = await act(operations, ActionOf(arguments, reason), cancellationToken).ConfigureAwait(false);
            if (arguments.GetValue(connection.Json))
            {
                Line(status, OperationsJson.Default.OperationsStatus);
            }
            else
            {
                Output.Table([.. Rows(status)]);
            }

            return ExitCode.Done;
        }, cancellationToken));
        return command;
    }

    private static string State(EndpointStatus endpoint) => endpoint.State is { } state ? Name(state) : "-";

    private static string Text(OperatorStop stop) => $"since {Time(stop.Since)} by {Output.Visible(stop.Actor)}"
        + (stop.Reason is { } reason ? $": {Output.Visible(reason)}" : "");

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

    private static DateTimeOffset? ParseTime(string? text, string option) =>
        text is null ? null
        : DateTimeOffset.TryParse(
            text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out DateTimeOffset time)
            ? time
        : throw new CommandException(ExitCode.Usage, $"{option} is a time such as 2026-01-31T12:00:00Z.");

    private static Option<string?> Optional(string name, string description) => new(name) { Description = description };

    private static Option<int> Limit() => Options.Number("--limit", "The most rows.", 100, 1, MaxRows);
}
