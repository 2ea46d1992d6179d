using System.CommandLine;
using System.Globalization;
using System.Net;
using Adcp.Aot.AspNetCore;
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
    private readonly string[] _givenOrigins;
    private readonly int[] _script;
    private readonly int _count;
    private readonly bool _json;
    private readonly Recorder? _recorder;
    private readonly Lock _turn = new();
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _deliveries;
    private int _answered;
    private int _scripted;
    private bool _allVerified = true;
    private bool _isRecordBroken;
    private string[] _origins = [];

    private ListenCommand(WebhookVerifier verifier, string[] origins, int[] script, int count, bool json, Recorder? recorder)
    {
        _verifier = verifier;
        _givenOrigins = origins;
        _script = script;
        _count = count;
        _json = json;
        _recorder = recorder;
    }

    internal static Command Create()
    {
        Option<int> port = Options.Number("--port", "The port on 127.0.0.1; 0 for any free one, which is then printed.", 0, 0, 65535);
        port.Required = true;
        Option<string> jwks = Options.Text("--jwks", "The sender's JWK set (rfc9421).");
        Option<string> auth = Options.OneOf("--auth", "How senders prove themselves:", "rfc9421", "rfc9421", "hmac", "standard", "bearer");
        Option<string> secretFile = Options.Text("--secret-file",
            "The file with the shared secret of hmac, standard (whsec_...) and bearer; - for the standard input.");
        Option<string[]> origin = new("--origin")
        {
            Description = "Scheme and authority that senders call, such as that of a tunnel; repeat it for several. Default "
                + "http://127.0.0.1:PORT and http://localhost:PORT.",
        };
        origin.Validators.Add(result =>
        {
            if (result.Tokens.Any(token => !Uri.TryCreate(token.Value, UriKind.Absolute,
                out Uri? url) || url.GetLeftPart(UriPartial.Authority) != token.Value))
            {
                result.AddError("--origin takes a scheme and an authority in lower case and without path, such as https://tunnel.example.");
            }
        });
        Option<int[]> script = new("--script")
        {
            Description = "The answers to verified deliveries, in order; the last is repeated: 503,503,200.",
            DefaultValueFactory = _ => [StatusCodes.Status200OK],
            CustomParser = result =>
            {
                string[] words = (result.Tokens.SingleOrDefault()?.Value ?? "").Split(',');
                int[] statuses = [.. words.Select(StatusOf)];
                if (statuses.Contains(0))
                {
                    result.AddError("--script takes HTTP status codes from 200 to 599, separated by commas.");
                }

                return statuses;
            },
        };
        Option<int> count = Options.Number("--count", "Ends after this many deliveries; 0 for never.", 0, 0, 1_000_000_000);
        Option<string> record = Options.Text("--record",
            "The file, mode 0600, to which each delivery is appended as one JSON line, for 'replay'. Headers with secrets and query "
            + "strings are left out; the body is kept as it is.");
        Option<bool> keepSecrets = new("--record-secrets") { Description = "Record headers with secrets and query strings too." };
        Option<bool> json = Options.Json();
        Command command = new("listen", "Receive, verify and print deliveries; exit code 1 if one was not verified.")
        {
            port, jwks, auth, secretFile, origin, script, count, record, keepSecrets, json,
        };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            WebhookVerifier verifier =
                Verifier(arguments.GetValue(auth)!, arguments.GetValue(jwks), arguments.GetValue(secretFile));
            using Recorder? recorder =
                arguments.GetValue(record) is { } file ? new Recorder(file, arguments.GetValue(keepSecrets)) : null;
            ListenCommand listen = new(
                verifier, arguments.GetValue(origin) ?? [], arguments.GetValue(script)!, arguments.GetValue(count),
                arguments.GetValue(json), recorder);
            return await listen.RunAsync(arguments.GetValue(port), cancellationToken).ConfigureAwait(false);
        });
        return command;
    }

    /// <returns>0 if the word is not a status.</returns>
    private static int StatusOf(string word) =>
        int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int status) && status is >= 200 and <= 599 ? status : 0;

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

                string keys = jwks is null ? """{"keys":[]}""" : InputFile.Text(jwks, source);
                return new Rfc9421Verifier(VerificationKeySet.FromJwks(keys), new InMemoryReplayCache());
            }

            string secret = InputFile.Secret(secretFile
                ?? throw new CommandException(ExitCode.Usage, $"--auth {auth} needs {source}."), source);
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
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, port);
            kestrel.Limits.MaxRequestBodySize = _verifier.MaxBodyBytes;
        });
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

            Uri url = new(app.Urls.First());
            string local = string.Create(CultureInfo.InvariantCulture, $"http://localhost:{url.Port}");
            _origins = _givenOrigins.Length > 0 ? _givenOrigins : [url.GetLeftPart(UriPartial.Authority), local];
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

        return _allVerified && !_isRecordBroken ? ExitCode.Done : ExitCode.NotDone;
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

        using MemoryStream body = new();
        using CancellationTokenSource reading = new(ReadTimeout, TimeProvider.System);
        using CancellationTokenRegistration hungUp = http.RequestAborted.UnsafeRegister(
            static source => ((CancellationTokenSource)source!).Cancel(), reading);
        try
        {
            await http.Request.Body.CopyToAsync(body, reading.Token).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is OperationCanceledException or IOException)
        {
            bool tooLarge = fault is BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge };
            http.Response.StatusCode = tooLarge
                ? Print(default, "body_too_large", StatusCodes.Status413PayloadTooLarge, default)
                : Print(default, "body_incomplete", StatusCodes.Status408RequestTimeout, default);
            return;
        }

        ReadOnlyMemory<byte> bytes = body.GetBuffer().AsMemory(0, (int)body.Length);
        VerificationResult result = await _verifier.VerifyAsync(
            http.Request.ToInboundRequest(OriginOf(http.Request)), bytes, cancellationToken: http.RequestAborted).ConfigureAwait(false);
        if (result.Challenge is { } challenge)
        {
            http.Response.Headers.WWWAuthenticate = challenge;
        }

        string? code = result.Ok ? null : Verdict.Code(result);
        http.Response.StatusCode = Print(result, code, result.StatusCode, bytes.Span, status => Record(http.Request, bytes, status, code));
    }

    /// <summary>Records a delivery. If that fails, the command ends, because its record would have a gap.</summary>
    private void Record(HttpRequest request, ReadOnlyMemory<byte> body, int status, string? code)
    {
        try
        {
            _recorder?.Write(request, body, TimeProvider.System.GetUtcNow(), status, code);
        }
        catch (IOException fault)
        {
            Console.Error.WriteLine($"--record: {fault.Message} The command ends.");
            _isRecordBroken = true;
            _done.TrySetResult();
        }
    }

    /// <summary>
    /// Returns the origin that the request's host selects among those that senders may call, or the first one.
    /// </summary>
    private string OriginOf(HttpRequest request) =>
        Array.Find(_origins,
            origin => new Uri(origin).Authority.Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase)) ?? _origins[0];

    /// <summary>Prints one delivery, in the order in which the script answers them.</summary>
    /// <returns>The answer's status.</returns>
    private int Print(VerificationResult result, string? code, int status, ReadOnlySpan<byte> body, Action<int>? record = null)
    {
        // Text of an unknown client until it is verified, so it is not shown then.
        WebhookEnvelope? envelope = null;
        string? key = null;
        if (code is null && WebhookEnvelope.TryRead(body, AdcpVersion.V30, out envelope, out _))
        {
            key = envelope.IdempotencyKey;
        }
        else if (code is null)
        {
            WebhookEnvelope.TryReadKey(body, out key, out _, out _);
        }

        string? keyId = code is null ? result.KeyId : null;
        lock (_turn)
        {
            if (code is null)
            {
                status = _script[Math.Min(_scripted++, _script.Length - 1)];
            }
            else
            {
                _allVerified = false;
                Console.Error.WriteLine($"Not verified: {code}, key id {Output.Foreign(result.KeyId)}. {result.Detail}");
            }

            record?.Invoke(status);
            if (!_json)
            {
                Console.Out.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{(code is null ? "yes" : "NO"),-8}  {status,-6}  {Output.Foreign(key),-36}  {Output.Foreign(envelope?.TaskId)}  "
                    + $"{Output.Foreign(envelope?.OperationId)}  {Output.Foreign(keyId)}  {code}"));
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
                members.WriteString("keyid"u8, keyId);
            });
            return status;
        }
    }
}
