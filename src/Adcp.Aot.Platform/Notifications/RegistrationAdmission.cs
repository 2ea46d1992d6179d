using Adcp.Aot.Network;

namespace Adcp.Aot.Platform;

/// <summary>
/// Refuses a registration at the call if it could not be honoured. An accepted registration is a promise. Thread-safe.
/// </summary>
internal sealed class RegistrationAdmission(PlatformOptions options, DeliveryTarget target, WebhookEmitter emitter, DestinationGuard? guard)
{
    private const string Cure = "for a receiver on this machine or network set WebhookSenderOptions.AllowHttp and AllowPrivateNetworks";

    private readonly TenantBudget _lookups = new(options.Limits.MaxLookupsPerTenant);

    /// <summary>Gets whether a call may register a webhook at all.</summary>
    internal bool TellsByWebhook =>
        options.AcceptsPushConfigs && (target.IsWired || options.Outbox is not null || options.TaskWebhooksAreExternal);

    /// <exception cref="AdcpErrorException">The registration cannot be honoured, or the tenant reached a bound.</exception>
    internal async ValueTask AdmitAsync(
        ToolDescription tool, string tenant, PushRegistration registration, ReadOnlyMemory<byte> context,
            CancellationToken cancellationToken)
    {
        string field = registration.Channel == PushChannel.A2A ? "taskPushNotificationConfig" : PushRegistration.MemberName;
        string authority = registration.Destination.Target.Authority;
        if (!TellsByWebhook)
        {
            throw Refused("This seller sends no webhooks.", field);
        }

        if (!tool.IsEligible(options.Version, out TaskType type))
        {
            throw Refused($"No webhook reports on '{tool.Name}' in the AdCP version spoken.", field);
        }

        if (registration.Destination.Authentication is { } authentication)
        {
            if (options.WebhookSigning is { AllowsLegacyAuthentication: false })
            {
                throw Refused("This seller signs its webhooks and takes no other authentication.", field + ".authentication");
            }

            PlatformLog.LegacyRegistration(options.Log, tool.Name, tenant, authority, authentication.ToString());
        }

        Probe(tenant, type, registration, context, field);
        if (target.IsWired && !emitter.HasRoom(tenant))
        {
            throw PlatformLimits.Reached(options, tenant, nameof(PlatformLimits.MaxPendingWebhooksPerTenant), TimeSpan.FromMinutes(1));
        }

        // The answer is the same for every reason, also for a name that has no address, so that it reveals nothing
        // about this network.
        if (guard is not null
            && !await IsAllowedAsync(guard, tenant, registration.Destination.Url, cancellationToken).ConfigureAwait(false))
        {
            PlatformLog.DestinationRefused(
                options.Log, tool.Name, tenant, authority, "the guard allows neither the url nor its host's addresses; " + Cure);

            throw Refused("The url is not one that webhooks may be sent to.", field + ".url");
        }
    }

    private static AdcpErrorException Refused(string message, string field) => new(AdcpError.InvalidRequest(message, field));

    /// <summary>Writes a webhook of each kind, so that no completion can be refused later.</summary>
    private void Probe(string tenant, TaskType type, PushRegistration registration, ReadOnlyMemory<byte> context, string field)
    {
        foreach (AdcpTaskStatus status in (ReadOnlySpan<AdcpTaskStatus>)[AdcpTaskStatus.Working, AdcpTaskStatus.Completed])
        {
            try
            {
                // Over A2A, the context is in the artifact of a result.
                ReadOnlyMemory<byte> result = status == AdcpTaskStatus.Completed ? "{}"u8.ToArray() : default;
                SellerTask task = new(tenant, "task", type, status, null, null, context, result);
                TaskWebhooks.Probe(task, registration, null, options.Version);
            }
            catch (ArgumentException fault)
            {
                string? member = fault.ParamName is "token" or "url" ? "." + fault.ParamName : null;
                throw Refused(fault.Message.Split(" (Parameter", 2)[0], field + member);
            }
        }
    }

    private async ValueTask<bool> IsAllowedAsync(DestinationGuard judge, string tenant, string url, CancellationToken cancellationToken)
    {
        if (!_lookups.TryTake(tenant))
        {
            throw PlatformLimits.Reached(options, tenant, nameof(PlatformLimits.MaxLookupsPerTenant), TimeSpan.FromSeconds(1));
        }

        try
        {
            return await judge.AllowsAsync(url, tenant, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _lookups.Return(tenant);
        }
    }
}
