using Adcp.Aot.Receiving;
using Adcp.Aot.Verification;

namespace Adcp.Aot.Hosting;

/// <summary>The parts of a receiver that the application gives in code.</summary>
internal sealed class ReceiverRegistration(Func<IServiceProvider, ReceivedWebhook, CancellationToken, ValueTask> handle)
{
    internal Func<IServiceProvider, ReceivedWebhook, CancellationToken, ValueTask> Handle { get; } = handle;

    internal Func<IServiceProvider, IReplayCache, WebhookVerifier>? Verifier { get; set; }

    internal Func<IServiceProvider, IWebhookClaimStore>? Store { get; set; }

    internal DatabaseOpening? OpenDatabase { get; set; }

    internal bool OpensDatabase { get; set; }

    internal bool HasHealthChecks { get; set; }

    internal List<Func<IServiceProvider, WebhookReceiverOptions, WebhookReceiverOptions>> Steps { get; } = [];

    internal List<string> Sections { get; } = [];
}
