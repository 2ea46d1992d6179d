using Adcp.Aot.Delivery;
using Adcp.Aot.Threading;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Storage;

/// <summary>
/// Asks a user's authorizer about attempts. It fails closed: if the authorizer throws, does not answer in time or leaves an attempt
/// undecided, the attempt is made later.
/// </summary>
internal sealed partial class OutboxAuthorization(IAttemptAuthorizer authorizer, TimeSpan timeout, TimeProvider time, ILogger logger)
{
    /// <summary>The most attempts of one call.</summary>
    internal const int MaxBatch = 256;

    /// <summary>The reason of an attempt that waits because the authorizer failed.</summary>
    internal const string Unavailable = "authorization_unavailable";

    /// <summary>The reason of an attempt about which the authorizer said nothing.</summary>
    internal const string Undecided = "undecided";

    private static readonly TimeSpan LogInterval = TimeSpan.FromMinutes(1);

    private readonly CallGuard _guard = new(authorizer.GetType().Name, time);
    private readonly Lock _lock = new();
    private long _loggedAt;
    private int _skipped;

    /// <summary>Decides about attempts, at most <see cref="MaxBatch"/>.</summary>
    /// <returns>A decision for each.</returns>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    internal async ValueTask<AttemptDecision[]> DecideAsync(IReadOnlyList<PlannedAttempt> attempts, CancellationToken cancellationToken)
    {
        try
        {
            // A call that is given up may still write to its own array.
            return await _guard.RunAsync(
                (authorizer, attempts),
                static async (call, token) =>
                {
                    AttemptDecision[] decisions = new AttemptDecision[call.attempts.Count];
                    await call.authorizer.AuthorizeAsync(call.attempts, decisions, token).ConfigureAwait(false);
                    return decisions;
                },
                timeout, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            Log(attempts.Count, fault);
            AttemptDecision[] later = new AttemptDecision[attempts.Count];
            Array.Fill(later, AttemptDecision.Later(reason: Unavailable));
            return later;
        }
    }

    private void Log(int attempts, Exception fault)
    {
        int skipped;
        lock (_lock)
        {
            long now = time.GetTimestamp();
            if (_loggedAt != 0 && time.GetElapsedTime(_loggedAt, now) < LogInterval)
            {
                _skipped++;
                return;
            }

            _loggedAt = Math.Max(1, now);
            skipped = _skipped;
            _skipped = 0;
        }

        AuthorizerFailed(logger, attempts, $"{fault.GetType().Name}: {fault.Message}", skipped);
    }

    [LoggerMessage(
        StorageEventIds.OutboxAuthorizerFailed, LogLevel.Error,
        "The authorizer of the outbox could not decide about {Count} attempts: {Fault}. They wait and do not count; their horizon "
            + "continues. Calls that failed and were not logged before this line: {Skipped}")]
    private static partial void AuthorizerFailed(ILogger logger, int count, string fault, int skipped);
}
