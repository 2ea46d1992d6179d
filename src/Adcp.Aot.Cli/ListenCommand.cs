using System.CommandLine;
using System.Globalization;
using System.Net;
using Adcp.Aot.AspNetCore.Receiving;
using Adcp.Aot.Payloads;
using Adcp.Aot.Verification;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Cli;

/// <summary><c>listen</c>: a receiver on the loopback interface that verifies each delivery, prints it, and answers by a script.</summary>
internal sealed class ListenCommand
{
    private static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(30);

    private readonly WebhookVerifier _verifier;
    private readonly int[] _script;
    private readonly int _count;
    private readonly bool _json;
    private readonly Lock _turn = new();
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _deliveries;
    private int _answered;
    private int _scripted;
    private bool _allVerified = true;

    private ListenCommand(WebhookVerifier verifier, int[] script, int count, bool json)
    {
        _verifier = verifier;
        _script = script;
        _count = count;
        _json = json;
    }

    internal static Command Create()
    {
        Option<int> port = Options.Number("--port", "The port on 127.0.0.1; 0 for any free one, which is then printed.", 0, 0, 65535);
        port.Required = true;
        Option<string> jwks = Options.Text("--jwks", "The sender's JWK set (rfc9421).");
        Option<string> auth = Options.OneOf("--auth", "How senders prove themselves:", "rfc9421", "rfc9421", "hmac", "standard", "bearer");
        Option<string> secretFile = Options.Text("--secret-file", "The shared secret of hmac, standard (whsec_...) and bearer.");
        Option<int[]> script = new("--script")
        {
            Description = "What verified deliveries are answered, in order, the last for ever: 503,503,200.",
            DefaultValueFactory = _ => [StatusCodes.Status200OK],
            CustomParser = result =>
            {
                string[] words = (result.Tokens.SingleOrDefault()?.Value ?? "").Split(',');
                int[] statuses = [.. words.Select(word => int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int status) && status is >= 200 and <= 599 ? status : 0)];
                if (statuses.Contains(0))
                {
                    result.AddError("--script takes HTTP status codes from 200 to 599, separated by commas.");
                }

                return statuses;
            },
        };
        Option<int> count = Options.Number("--count", "Ends after this many deliveries; 0 for never.", 0, 0, 1_000_000_000);
        Option<bool> json = Options.Json();
        Command command = new("listen", "Receive, verify and print deliveries; exit code 1 where one was not verified.") { port, jwks, auth, secretFile, script, count, json };
        command.SetAction((arguments, cancellationToken) => new ListenCommand(
            Verifier(arguments.GetValue(auth)!, arguments.GetValue(jwks), arguments.GetValue(secretFile)),
            arguments.GetValue(script)!,
            arguments.GetValue(count),
            arguments.GetValue(json)).RunAsync(arguments.GetValue(port), cancellationToken));
        return command;
    }

    private static WebhookVerifier Verifier(string auth, string? jwks, string? secretFile)
    {
        string source = auth == "rfc9421" ? "--jwks" : "--secret-file";
        try
        {
            if (auth == "rfc9421")
            {
                if (jwks is null)
                {
                    Console.Error.WriteLine("Without --jwks no key is known, so no signature will be verified.");
                }

                return new Rfc9421Verifier(VerificationKeySet.FromJwks(jwks is null ? """{"keys":[]}""" : InputFile.Text(jwks, source)), new InMemoryReplayCache());
            }

            string secret = InputFile.Secret(secretFile ?? throw new CommandException(ExitCode.Usage, $"--auth {auth} needs {source}."), source);
            return auth switch
            {
                "hmac" => new LegacyHmacVerifier([secret]),
                "standard" => new StandardWebhooksVerifier([secret]),
                _ => new BearerVerifier([secret]),
            };
        }
        catch (ArgumentException fault)
        {
            throw new CommandException(ExitCode.Usage, $"{source}: {fault.Message}");
        }
    }

    private async Task<int> RunAsync(int port, CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        builder.Logging.ClearProviders();
        WebApplication app = builder.Build();
        await using (app.ConfigureAwait(false))
        {
            app.Run(ReceiveAsync);
            try
            {
                await app.StartAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (IOException fault)
            {
                throw new CommandException(ExitCode.Usage, $"--port: {fault.Message}");
            }

            Console.Error.WriteLine($"Listening on {app.Urls.First()}");
            if (!_json)
            {
                Console.Out.WriteLine("verified  answer  idempotency key                       task  operation  key");
            }

            using (cancellationToken.UnsafeRegister(static done => ((TaskCompletionSource)done!).TrySetResult(), _done))
            {
                await _done.Task.ConfigureAwait(false);
            }

            await app.StopAsync(CancellationToken.None).ConfigureAwait(false);
        }

        return _allVerified ? ExitCode.Done : ExitCode.NotDone;
    }

    private async Task ReceiveAsync(HttpContext http)
    {
        if (!HttpMethods.IsPost(http.Request.Method))
        {
            http.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            return;
        }

        if (Interlocked.Increment(ref _deliveries) is int number && _count > 0 && number > _count)
        {
            http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return;
        }

        http.Response.OnCompleted(() =>
        {
            if (Interlocked.Increment(ref _answered) == _count)
            {
                _done.TrySetResult();
            }

            return Task.CompletedTask;
        });

        using CancellationTokenSource reading = new(ReadTimeout, TimeProvider.System);
        WebhookBody? read;
        try
        {
            read = await WebhookBody.ReadAsync(http.Request, _verifier.MaxBodyBytes, reading.Token).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is OperationCanceledException or IOException)
        {
            http.Response.StatusCode = Print(default, "body_incomplete", StatusCodes.Status408RequestTimeout, default);
            return;
        }

        using WebhookBody? body = read;
        if (body is null)
        {
            http.Response.StatusCode = Print(default, "body_too_large", StatusCodes.Status413PayloadTooLarge, default);
            return;
        }

        VerificationResult result = await _verifier.VerifyAsync(InboundHttpRequest.Of(http, null), body.Bytes, body.Sha256, http.RequestAborted).ConfigureAwait(false);
        if (result.Challenge is { } challenge)
        {
            http.Response.Headers.WWWAuthenticate = challenge;
        }

        http.Response.StatusCode = Print(result, result.Ok ? null : Verdict.Code(result), result.StatusCode, body.Bytes.Span);
    }

    /// <summary>Prints one delivery, in the order in which the script answers them.</summary>
    /// <returns>The answer's status.</returns>
    private int Print(VerificationResult result, string? code, int status, ReadOnlySpan<byte> body)
    {
        // Shown as it was sent: where it is not verified, these are anybody's words.
        bool isEnvelope = WebhookEnvelope.TryRead(body, AdcpVersion.V30, out WebhookEnvelope? envelope, out _);
        string? key = isEnvelope ? envelope!.IdempotencyKey : WebhookEnvelope.TryReadKey(body, out string? other, out _, out _) ? other : null;
        lock (_turn)
        {
            if (code is null)
            {
                status = _script[Math.Min(_scripted++, _script.Length - 1)];
            }
            else
            {
                _allVerified = false;
            }

            if (!_json)
            {
                Console.Out.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{(code is null ? "yes" : "NO"),-8}  {status,-6}  {key ?? "-",-36}  {envelope?.TaskId ?? "-"}  {envelope?.OperationId ?? "-"}  {result.KeyId ?? "-"}  {code}"));
                return status;
            }

            Output.Json(members =>
            {
                members.WriteBoolean("verified"u8, code is null);
                members.WriteString("error_code"u8, code);
                members.WriteNumber("status"u8, status);
                members.WriteString("idempotency_key"u8, key);
                members.WriteString("task_id"u8, envelope?.TaskId);
                members.WriteString("operation_id"u8, envelope?.OperationId);
                members.WriteString("keyid"u8, result.KeyId);
            });
            return status;
        }
    }
}
