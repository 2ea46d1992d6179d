using Adcp.Aot.Delivery;
using Adcp.Aot.Storage;

namespace A2AStores;

/// <summary>
/// Asks before each attempt whether the client still wants the notification: it may have deleted the push configuration, or switched
/// it off, while the notification waited.
/// </summary>
internal sealed class Subscriptions(PushConfigStore configs) : IAttemptAuthorizer
{
    // None of the three parts can have it.
    private const char Separator = '\n';

    /// <summary>Returns the text that is kept with a notification, so that its configuration can be found again.</summary>
    public static string Context(StoreScope scope, PushConfig config) => string.Join(Separator, scope.Key, config.TaskId, config.Id);

    public async ValueTask AuthorizeAsync(
        IReadOnlyList<PlannedAttempt> attempts, Memory<AttemptDecision> decisions, CancellationToken cancellationToken)
    {
        for (int i = 0; i < attempts.Count; i++)
        {
            string[] parts = attempts[i].Context!.Split(Separator);
            StoreScope scope = parts[0].Length == 0 ? StoreScope.Anonymous : StoreScope.Of(parts[0]);
            PushConfig? config = await configs.GetAsync(scope, parts[1], parts[2], cancellationToken);
            decisions.Span[i] = config is { IsActive: true } ? AttemptDecision.Allow() : AttemptDecision.Suppress("unsubscribed");
        }
    }
}
