using System.CommandLine;
using System.Globalization;
using Adcp.Aot.Auditing;
using Adcp.Aot.Json;
using Adcp.Aot.Network;

namespace Adcp.Aot.Cli;

/// <summary><c>send</c>: delivers task webhooks through the supervisor, as a seller does.</summary>
internal sealed class SendCommand
{
    private const int MostRowsShown = 20;

    private readonly Option<string> _url = Options.Text("--url", "The address of the webhooks.", required: true);
    private readonly Option<string> _key = Options.Text("--key",
        "The file with the private JWK that signs (rfc9421); - for the standard input.");
    private readonly Option<string> _taskId = Options.Text("--task-id", "The task's id.", required: true);
    private readonly Option<string> _taskType = Options.Text("--task-type", "The task's type, such as create_media_buy.", required: true);
    private readonly Option<string> _status =
        Options.OneOf("--status", "The status entered:", null, [.. Enum.GetValues<AdcpTaskStatus>().Select(WireNames.ToWire)]);
    private readonly Option<string> _operationId =
        Options.Text("--operation-id", "The registration's operation_id, echoed.", required: true);
    private readonly Option<string> _tokenFile = Options.Text("--token-file",
        "The file with the registration's token, echoed; - for the standard input.");
    private readonly Option<string> _context = Options.Text("--context", "The request's context: JSON, or @file.");
    private readonly Option<string> _result = Options.Text("--result", "The task's result: JSON, or @file.");
    private readonly Option<string> _auth =
        Options.OneOf("--auth", "How the sender proves itself:", "rfc9421", "rfc9421", "hmac", "standard", "bearer");
    private readonly Option<string> _secretFile = Options.Text(
        "--secret-file", "The file with the shared secret of hmac, standard (whsec_...) and bearer; - for the standard input.");
    private readonly Option<int> _count = Options.Number("--count", "How many webhooks, each with a key of its own.", 1, 1, 1_000_000);
    private readonly Option<int> _concurrency = Options.Number("--concurrency", "Deliveries under way at a time.", 8, 1, 4096);
    private readonly Option<int> _maxAttempts =
        Options.Number("--max-attempts", "Attempts of each.", RetryPolicy.Default.MaxAttempts, 1, 100);
    private readonly Option<TimeSpan> _baseDelay =
        Options.Duration("--base-delay", "The wait before the second attempt, doubling.", RetryPolicy.Default.BaseDelay,
            TimeSpan.FromHours(1));
    private readonly Option<bool> _allowPrivate = new("--allow-private") { Description = "Let loopback and private networks pass." };
    private readonly Option<bool> _allowHttp = new("--allow-http") { Description = "Let plain http pass." };
    private readonly Option<string> _log = Options.Text("--log", "Append one JSON line for each attempt to this file.");
    private readonly Option<bool> _json = Options.Json();

    internal static Command Create()
    {
        SendCommand send = new();
        Command command = new("send", "Deliver task webhooks: signed, retried, audited.")
        {
            send._url, send._key, send._taskId, send._taskType, send._status, send._operationId, send._tokenFile, send._context,
            send._result, send._auth, send._secretFile,
            send._count, send._concurrency, send._maxAttempts, send._baseDelay, send._allowPrivate, send._allowHttp, send._log, send._json,
        };
        command.SetAction(send.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        int count = arguments.GetValue(_count);
        int concurrency = arguments.GetValue(_concurrency);
        bool json = arguments.GetValue(_json);
        WebhookDestination destination = Destination(arguments);
        McpWebhook webhook = Webhook(arguments);
        using WebhookSender sender = Sender(arguments);
        JsonLinesDeliveryLogSink? log = Log(arguments.GetValue(_log));
        try
        {
            TimeSpan baseDelay = arguments.GetValue(_baseDelay);
            RetryPolicy retry = RetryPolicy.Default with { MaxAttempts = arguments.GetValue(_maxAttempts) };
            retry = baseDelay > retry.MaxDelay
                ? retry with { MaxDelay = baseDelay, BaseDelay = baseDelay }
                : retry with { BaseDelay = baseDelay };
            InMemoryWebhookDeliverySupervisor supervisor = new(
                sender, new WebhookSupervisorOptions { Retry = retry, Sink = log, MaxConcurrencyPerEndpoint = concurrency });
            DeliveryOutcome[] outcomes = new DeliveryOutcome[count];
            await using (supervisor.ConfigureAwait(false))
            {
                using Progress progress = new(count, "webhooks sent");
                await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = concurrency }, async (i, _) =>
                {
                    outcomes[i] = await supervisor.SendMcpAsync(destination, webhook, cancellationToken: cancellationToken)
                        .ConfigureAwait(false);
                    progress.Step();
                }).ConfigureAwait(false);
                await supervisor.DrainAsync(CancellationToken.None).ConfigureAwait(false);
            }

            return Report(outcomes, json);
        }
        catch (WebhookPayloadException fault)
        {
            throw new CommandException(ExitCode.Refused, $"{fault.Code}: {fault.Message}");
        }
        finally
        {
            if (log is not null)
            {
                await log.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    private WebhookDestination Destination(ParseResult arguments)
    {
        string url = arguments.GetValue(_url)!;
        if (TargetUri.TryParse(url, out TargetUri? target, out _) && target.HadUserInfo)
        {
            throw new CommandException(ExitCode.Refused, "--url: a webhook url cannot carry user information.");
        }

        string? tokenFile = arguments.GetValue(_tokenFile);
        if (tokenFile == "-" && (arguments.GetValue(_key) == "-" || arguments.GetValue(_secretFile) == "-"))
        {
            throw new CommandException(ExitCode.Usage, "--token-file: the standard input can be read for one option only.");
        }

        string? token = tokenFile is null ? null : InputFile.Secret(tokenFile, _tokenFile.Name);
        return CommandException.UsageOf(() => new WebhookDestination(url, arguments.GetValue(_operationId), token));
    }

    private McpWebhook Webhook(ParseResult arguments)
    {
        if (!WireNames.TryParse(arguments.GetValue(_taskType), out TaskType taskType))
        {
            throw new CommandException(ExitCode.Usage,
                $"--task-type is one of {string.Join(", ", Enum.GetValues<TaskType>().Select(WireNames.ToWire))}.");
        }

        ReadOnlyMemory<byte> result = InputFile.Json(arguments.GetValue(_result), "--result");
        ReadOnlyMemory<byte> context = InputFile.Json(arguments.GetValue(_context), "--context");
        return CommandException.UsageOf(() => new McpWebhook
        {
            TaskId = arguments.GetValue(_taskId)!,
            TaskType = taskType,
            Status = Enum.GetValues<AdcpTaskStatus>().Single(status => status.ToWire() == arguments.GetValue(_status)),
            Result = result,
            Context = context,
        });
    }

    private WebhookSender Sender(ParseResult arguments)
    {
        WebhookSenderOptions options = new()
        {
            Version = AdcpVersion.V32,
            AllowHttp = arguments.GetValue(_allowHttp),
            AllowPrivateNetworks = arguments.GetValue(_allowPrivate),
        };
        string auth = arguments.GetValue(_auth)!;
        Option<string> source = auth == "rfc9421" ? _key : _secretFile;
        string path = arguments.GetValue(source) ?? throw new CommandException(ExitCode.Usage, $"--auth {auth} needs {source.Name}.");
        string secret = InputFile.Secret(path, source.Name);
        return CommandException.UsageOf(() => auth switch
        {
            "hmac" => WebhookSender.FromLegacyHmac(secret, options),
            "standard" => WebhookSender.FromStandardWebhooksSecret(secret, options),
            "bearer" => WebhookSender.FromBearerToken(secret, options),
            _ => WebhookSender.FromJwk(secret, options),
        });
    }

    private static JsonLinesDeliveryLogSink? Log(string? path)
    {
        try
        {
            return path is null ? null : new JsonLinesDeliveryLogSink(path);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new CommandException(ExitCode.Usage, $"--log: '{path}' cannot be written: {fault.Message}");
        }
    }

    /// <summary>
    /// Converts an exception for a bad value to a fault of usage. The library's messages name the rule and never the
    /// value.
    /// </summary>
    private static int Report(DeliveryOutcome[] outcomes, bool json)
    {
        int delivered = outcomes.Count(outcome => outcome.IsDelivered);
        if (json)
        {
            Output.Json(members =>
            {
                members.WriteNumber("delivered"u8, delivered);
                members.WriteNumber("failed"u8, outcomes.Length - delivered);
                members.WriteNumber("attempts"u8, outcomes.Sum(outcome => (long)outcome.Attempts));
                members.WriteStartArray("idempotency_keys"u8);
                foreach (DeliveryOutcome outcome in outcomes)
                {
                    members.WriteStringValue(outcome.Webhook?.IdempotencyKey);
                }

                members.WriteEndArray();
            });
        }
        else
        {
            Table(outcomes, delivered);
        }

        foreach (IGrouping<string, DeliveryOutcome> group in outcomes.Where(outcome => !outcome.IsDelivered).GroupBy(Reason))
        {
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{group.Count()} not delivered: {group.Key}"));
        }

        return delivered == outcomes.Length ? ExitCode.Done
            : outcomes.Any(outcome => outcome.LastResult?.Error == WebhookSendError.DestinationRefused) ? ExitCode.Refused
            : ExitCode.NotDone;
    }

    private static void Table(DeliveryOutcome[] outcomes, int delivered)
    {
        if (outcomes.Length <= MostRowsShown)
        {
            Output.Table(
            [
                ["idempotency key", "status", "attempts", "answer"],
                .. outcomes.Select(outcome => new[]
                {
                    outcome.Webhook?.IdempotencyKey ?? "-",
                    outcome.Status.ToString(),
                    outcome.Attempts.ToString(CultureInfo.InvariantCulture),
                    outcome.LastResult is { StatusCode: > 0 } result ? result.StatusCode.ToString(CultureInfo.InvariantCulture) : "-",
                }),
            ]);
        }

        long attempts = outcomes.Sum(static outcome => (long)outcome.Attempts);
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{delivered} of {outcomes.Length} delivered in {attempts} {(attempts == 1 ? "attempt" : "attempts")}"));
    }

    private static string Reason(DeliveryOutcome outcome)
    {
        string answer = outcome.LastResult switch
        {
            null => "no attempt",
            { StatusCode: > 0 } result => $"HTTP {result.StatusCode.ToString(CultureInfo.InvariantCulture)}",
            var result => result.ErrorDetail ?? result.Error.ToString(),
        };
        return $"{outcome.Status}, {answer}{(outcome.Code is null ? "" : ", " + Output.Foreign(outcome.Code))}";
    }
}
