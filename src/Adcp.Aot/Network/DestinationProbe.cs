using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;

namespace Adcp.Aot.Network;

/// <summary>
/// Finds out why a url can or cannot be reached by a sender with a certain guard: its text, its name, its address, its connection, its
/// answer. For operators only: it names addresses and causes that a buyer must not learn. Thread-safe.
/// </summary>
/// <remarks>It sends one HEAD or GET request without credentials, by the rules of the sender: no redirect, no proxy, no cookie.</remarks>
public sealed class DestinationProbe : IDisposable
{
    private const int MaxBodyBytes = 16 << 20;

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan TotalTimeout = TimeSpan.FromSeconds(10);

    private readonly DestinationGuard _guard;
    private readonly GuardedHttp _http;
    private readonly TimeProvider _time;

    /// <summary>Creates a probe.</summary>
    /// <param name="options">The destinations that are allowed, and the resolver.</param>
    /// <exception cref="ArgumentNullException"><paramref name="options"/> is null.</exception>
    public DestinationProbe(DestinationGuardOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _time = options.TimeProvider;
        _guard = new DestinationGuard(options);
        _http = new GuardedHttp(_guard, new GuardedHttpOptions(ConnectTimeout, TotalTimeout, TotalTimeout, options.TimeProvider));
    }

    /// <summary>Probes a url: with HEAD, or with GET if its body is wanted. It takes 10 s at most.</summary>
    /// <param name="url">The url.</param>
    /// <param name="maxBodyBytes">The most bytes of a body that are read. 0 to 16,777,216; 0 reads none.</param>
    /// <param name="cancellationToken">Cancels the probe.</param>
    /// <exception cref="ArgumentNullException"><paramref name="url"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxBodyBytes"/> is out of range.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async Task<DestinationReport> RunAsync(string url, int maxBodyBytes = 0, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(url);
        ArgumentOutOfRangeException.ThrowIfNegative(maxBodyBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxBodyBytes, MaxBodyBytes);
        DestinationReport report = new();
        TargetUri? target = null;
        string? fault = url.Length > DestinationGuard.MaxUrlLength ? $"the url has more than {DestinationGuard.MaxUrlLength} characters"
            : !TargetUri.TryParse(url, out target, out string? reason) ? reason
            : target.HadUserInfo ? "the url carries user information"
            : null;
        if (target is null || fault is not null)
        {
            return report with { FailedStep = DestinationStep.Url, Fault = fault };
        }

        if (_guard.Refuse(target) is { } rule)
        {
            return report with { FailedStep = DestinationStep.Guard, Fault = rule };
        }

        using CancellationTokenSource timeout = new(TotalTimeout, _time);
        using CancellationTokenSource linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            IPAddress[] addresses = await _guard.LookUpAsync(target.Host, null, linked.Token).ConfigureAwait(false);
            report = report with { Addresses = addresses };
            if (_guard.RefuseAll(addresses) is { } refusal)
            {
                return report with { FailedStep = DestinationStep.Guard, Fault = refusal };
            }

            return await RequestAsync(target, maxBodyBytes, report, linked.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (IsExpected(exception))
        {
            cancellationToken.ThrowIfCancellationRequested();
            (DestinationStep step, string text) = Explain(exception, report);
            return report with { FailedStep = step, Fault = text };
        }
    }

    /// <summary>Closes the connections.</summary>
    public void Dispose() => _http.Dispose();

    private static bool IsExpected(Exception fault) =>
        fault is OperationCanceledException or HttpRequestException or IOException or SocketException or TimeoutException
            or AuthenticationException;

    private static (DestinationStep Step, string Fault) Explain(Exception fault, DestinationReport report)
    {
        if (report.Addresses.Count == 0)
        {
            return (DestinationStep.Name, fault switch
            {
                DestinationRefusedException refused => refused.Why,
                OperationCanceledException => "the name server did not answer in time",
                _ => "the name server does not answer",
            });
        }

        for (Exception? cause = fault; cause is not null; cause = cause.InnerException)
        {
            switch (cause)
            {
                case DestinationRefusedException refused:
                    return (DestinationStep.Guard, refused.Why);
                case AuthenticationException:
                    return (DestinationStep.Tls, cause.Message);
                case SocketException socket:
                    return (DestinationStep.Connection, socket.Message);
                case TimeoutException:
                    return (DestinationStep.Connection, $"no connection within {ConnectTimeout.TotalSeconds} s");
                case OperationCanceledException:
                    return (DestinationStep.Answer, $"no answer within {TotalTimeout.TotalSeconds} s");
            }
        }

        return (DestinationStep.Answer, fault.GetBaseException().Message);
    }

    private async Task<DestinationReport> RequestAsync(
        TargetUri target, int maxBodyBytes, DestinationReport report, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(maxBodyBytes > 0 ? HttpMethod.Get : HttpMethod.Head, target.ToRequestUri());
        request.Headers.TryAddWithoutValidation("User-Agent", "Adcp.Aot");
        request.Headers.TryAddWithoutValidation("Cache-Control", "no-cache");
        DateTimeOffset sentAt = _time.GetUtcNow();
        long started = _time.GetTimestamp();
        using HttpResponseMessage response = await _http.SendAsync(request, newConnection: true, cancellationToken).ConfigureAwait(false);
        TimeSpan elapsed = _time.GetElapsedTime(started);
        report = report with
        {
            StatusCode = (int)response.StatusCode,
            Elapsed = elapsed,
            ClockOffset = response.Headers.Date is { } date ? OffsetOf(date, sentAt, elapsed) : null,
        };
        if (maxBodyBytes == 0)
        {
            return report;
        }

        return await BoundedBody.ReadAsync(response.Content, maxBodyBytes, cancellationToken).ConfigureAwait(false) is { } body
            ? report with { Body = body }
            : report with { FailedStep = DestinationStep.Answer, Fault = $"the answer has more than {maxBodyBytes} bytes" };
    }

    /// <summary>
    /// Returns how far the server's clock is certainly ahead: its <c>Date</c> has whole seconds, and it was written at some moment
    /// between request and answer.
    /// </summary>
    private static TimeSpan OffsetOf(DateTimeOffset date, DateTimeOffset sentAt, TimeSpan elapsed)
    {
        TimeSpan most = date + TimeSpan.FromSeconds(1) - sentAt;
        TimeSpan least = date - (sentAt + elapsed);
        return least > TimeSpan.Zero ? least : most < TimeSpan.Zero ? most : TimeSpan.Zero;
    }
}
