using System.Collections.Concurrent;
using System.CommandLine;
using System.Globalization;
using Adcp.Aot.Network;

namespace Adcp.Aot.Cli;

/// <summary><c>replay</c>: sends the deliveries of a recording again, with the same bytes and headers.</summary>
internal sealed class ReplayCommand
{
    /// <summary>The headers that belong to a connection and not to a delivery (RFC 9110).</summary>
    private static readonly HashSet<string> OfConnection = new(StringComparer.OrdinalIgnoreCase)
    {
        "Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
    };

    private readonly Argument<string> _file = new("file") { Description = "The file that listen --record wrote." };
    private readonly Option<string> _to = Options.Text("--to", "The url that gets the deliveries.", required: true);
    private readonly Option<int> _count = Options.Number(
        "--count", "How many deliveries; the file is repeated if it has fewer. 0 sends each of the file once.", 0, 0, 1_000_000_000);
    private readonly Option<int> _rate = Options.Number("--rate", "The most deliveries a second; 0 for no bound.", 0, 0, 1_000_000);
    private readonly Option<int> _concurrency = Options.Number(
        "--concurrency", "Deliveries under way at a time. With 1 they arrive in the order of the file.", 1, 1, 4096);
    private readonly Option<TimeSpan> _timeout = Options.Duration(
        "--timeout", "The longest time for an answer.", TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(10));
    private readonly Option<bool> _allowPrivate = new("--allow-private") { Description = "Let loopback and private networks pass." };
    private readonly Option<bool> _allowHttp = new("--allow-http") { Description = "Let plain http pass." };
    private readonly Option<bool> _json = Options.Json();

    internal static Command Create()
    {
        ReplayCommand replay = new();
        Command command = new("replay", "Send recorded deliveries again: the same bytes and headers, once each and without retries.")
        {
            replay._file, replay._to, replay._count, replay._rate, replay._concurrency, replay._timeout, replay._allowPrivate,
            replay._allowHttp, replay._json,
        };
        command.SetAction(replay.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        string path = arguments.GetValue(_file)!;
        if (!Uri.TryCreate(arguments.GetValue(_to), UriKind.Absolute, out Uri? url) || url.Scheme is not ("http" or "https"))
        {
            throw new CommandException(ExitCode.Usage, "--to takes an http or https url.");
        }

        // The whole file is checked before anything is sent.
        int recorded = Recording.Read(path).Count();
        int given = arguments.GetValue(_count);
        int count = given == 0 ? recorded : given;
        if (recorded == 0)
        {
            throw new CommandException(ExitCode.Usage, $"'{path}' has no delivery.");
        }

        using HttpClient client = new(new GuardedHttpHandler(new DestinationGuardOptions
        {
            AllowHttp = arguments.GetValue(_allowHttp),
            AllowPrivateNetworks = arguments.GetValue(_allowPrivate),
        }))
        {
            Timeout = arguments.GetValue(_timeout),
        };
        ConcurrentDictionary<string, int> answers = new(StringComparer.Ordinal);
        using Progress progress = new(count, "deliveries replayed");
        ParallelOptions parallel = new()
        {
            MaxDegreeOfParallelism = arguments.GetValue(_concurrency),
            CancellationToken = cancellationToken,
        };
        await Parallel.ForEachAsync(
            PacedAsync(path, count, arguments.GetValue(_rate), cancellationToken), parallel, async (delivery, token) =>
            {
                string answer = await SendAsync(client, url, delivery, token).ConfigureAwait(false);
                answers.AddOrUpdate(answer, 1, static (_, before) => before + 1);
                progress.Step();
            }).ConfigureAwait(false);
        return Report(answers, count, arguments.GetValue(_json));
    }

    /// <summary>Reads the file again and again, at a rate.</summary>
    private static async IAsyncEnumerable<Recording> PacedAsync(
        string path, int count, int rate, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        long started = TimeProvider.System.GetTimestamp();
        int sent = 0;
        while (sent < count)
        {
            foreach (Recording delivery in Recording.Read(path).Take(count - sent))
            {
                if (rate > 0)
                {
                    TimeSpan early = TimeSpan.FromSeconds(sent / (double)rate) - TimeProvider.System.GetElapsedTime(started);
                    if (early > TimeSpan.Zero)
                    {
                        await Task.Delay(early, TimeProvider.System, cancellationToken).ConfigureAwait(false);
                    }
                }

                sent++;
                yield return delivery;
            }
        }
    }

    /// <returns>The status of the answer, or the fault in words.</returns>
    /// <exception cref="CommandException">The guard refuses the destination, which it will do for every delivery.</exception>
    private static async Task<string> SendAsync(HttpClient client, Uri url, Recording delivery, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, url);
        ReadOnlyMemoryContent content = new(delivery.Body);
        request.Content = content;
        foreach ((string name, string value) in delivery.Headers)
        {
            if (!OfConnection.Contains(name) && !request.Headers.TryAddWithoutValidation(name, value))
            {
                content.Headers.TryAddWithoutValidation(name, value);
            }
        }

        try
        {
            using HttpResponseMessage answer =
                await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
            return ((int)answer.StatusCode).ToString(CultureInfo.InvariantCulture);
        }
        catch (DestinationNotAllowedException fault)
        {
            throw new CommandException(ExitCode.Refused, $"--to: {fault.Message}");
        }
        catch (HttpRequestException fault)
        {
            return fault.GetBaseException().Message;
        }
        catch (TaskCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return "no answer in time";
        }
    }

    private static int Report(ConcurrentDictionary<string, int> answers, int count, bool json)
    {
        (string Answer, int Count)[] rows = [.. answers.OrderBy(static row => row.Key, StringComparer.Ordinal)
            .Select(static row => (row.Key, row.Value))];
        int delivered = rows.Where(static row => row.Answer.Length == 3 && row.Answer[0] == '2').Sum(static row => row.Count);
        if (json)
        {
            Output.Json(members =>
            {
                members.WriteNumber("delivered"u8, delivered);
                members.WriteNumber("failed"u8, count - delivered);
                members.WriteStartObject("answers"u8);
                foreach ((string answer, int number) in rows)
                {
                    members.WriteNumber(answer, number);
                }

                members.WriteEndObject();
            });
        }
        else
        {
            Output.Table(
            [
                ["ANSWER", "DELIVERIES"],
                .. rows.Select(static row => new[] { Output.Visible(row.Answer), row.Count.ToString(CultureInfo.InvariantCulture) }),
            ]);
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{delivered} of {count} delivered"));
        }

        return delivered == count ? ExitCode.Done : ExitCode.NotDone;
    }
}
