namespace Adcp.Aot.Platform;

/// <summary>Compares the promises of a seller with its wiring and finds every gap.</summary>
public static class BootValidation
{
    private static readonly TimeSpan ShortestHorizon = TimeSpan.FromHours(24);
    private static readonly TimeSpan LongestHorizon = TimeSpan.FromDays(7);

    /// <summary>Returns every gap; none if the seller may boot.</summary>
    /// <param name="platform">The tools.</param>
    /// <param name="options">The seller's options.</param>
    /// <param name="target">The wired sender or supervisor.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    public static IReadOnlyList<BootGap> Find(IAdcpPlatform platform, PlatformOptions options, DeliveryTarget target)
    {
        ArgumentNullException.ThrowIfNull(platform);
        ArgumentNullException.ThrowIfNull(options);
        return FindFor(platform, options, target);
    }

    /// <summary>Checks a seller, or a process that only ends its tasks.</summary>
    /// <exception cref="PlatformBootException">There are gaps.</exception>
    internal static void Require(IAdcpPlatform? platform, PlatformOptions options, DeliveryTarget target)
    {
        List<BootGap> gaps = FindFor(platform, options, target);
        if (gaps.Count > 0)
        {
            throw new PlatformBootException(gaps);
        }
    }

    private static List<BootGap> FindFor(IAdcpPlatform? platform, PlatformOptions options, DeliveryTarget target)
    {
        List<BootGap> gaps = [];
        IReadOnlyList<ToolDescription> tools = platform?.Tools ?? [];
        foreach (string name in tools.CountBy(static tool => tool.Name, StringComparer.Ordinal)
            .Where(static named => named.Value > 1).Select(static named => named.Key))
        {
            gaps.Add(new("unique_tools", $"The platform has the tool '{name}' twice."));
        }

        Owners(platform, options, target, gaps);
        Alignment(options, target, gaps);
        if (options.WebhookSigning is { } promise)
        {
            Signing(options, target, promise, gaps);
        }
        else if (options.AcceptsPushConfigs && options.Version >= AdcpVersion.V32 && IsOwned(options, target))
        {
            gaps.Add(new("webhook_signing.supported",
                "The platform sends webhooks but promises no webhook_signing: set PlatformOptions.WebhookSigning."));
        }

        return gaps;
    }

    private static bool IsOwned(PlatformOptions options, DeliveryTarget target) =>
        target.IsWired || options.Outbox is not null || options.TaskWebhooksAreExternal;

    private static void Owners(IAdcpPlatform? platform, PlatformOptions options, DeliveryTarget target, List<BootGap> gaps)
    {
        int owners = (target.IsWired ? 1 : 0) + (options.Outbox is null ? 0 : 1) + (options.TaskWebhooksAreExternal ? 1 : 0);
        if (owners > 1)
        {
            gaps.Add(new(
                "single_task_webhook_owner",
                "Two of sender or supervisor, PlatformOptions.Outbox and PlatformOptions.TaskWebhooksAreExternal would deliver the "
                + "same task webhooks: wire exactly one."));
        }

        if (owners > 0 || !options.AcceptsPushConfigs)
        {
            return;
        }

        string[] eligible = [.. (platform?.Tools ?? []).Where(tool => tool.IsEligible(options.Version, out _)).Select(tool => tool.Name)];
        string? registered = platform is null ? "Buyers may have registered webhooks for the tasks"
            : eligible.Length > 0 ? $"Buyers may register webhooks with {string.Join(", ", eligible)}"
            : null;
        if (registered is not null)
        {
            gaps.Add(new(
                "webhook_sender_or_supervisor",
                registered + ", and nothing delivers them: give a webhook sender or supervisor, or set PlatformOptions.AcceptsPushConfigs "
                + "to false."));
        }
    }

    /// <summary>Compares version and keys of the sender, or of the outbox's sender, with the platform's.</summary>
    private static void Alignment(PlatformOptions options, DeliveryTarget target, List<BootGap> gaps)
    {
        if ((target.Supervisor?.Sender ?? target.Sender ?? options.Outbox?.Sender)?.Facts is not { } sender)
        {
            return;
        }

        if (sender.Version != options.Version)
        {
            gaps.Add(new(
                "adcp_version_alignment",
                $"PlatformOptions.Version is {options.Version} and the webhook sender's WebhookSenderOptions.Version is {sender.Version}: "
                + "registrations would be judged by one and webhooks written by the other. Set both to the same."));
        }

        if (options.WebhookSigning is not { IsSupported: true } || options.SigningKeys.Count + options.RemoteSigningKeys.Count == 0)
        {
            return;
        }

        if (sender.KeyId is not { } keyId)
        {
            // The sender of an outbox freezes webhooks. A worker of another process may sign them.
            if (options.Outbox is null)
            {
                gaps.Add(new(
                    "webhook_sender_with_rfc9421_key",
                    "WebhookSigning is promised and the webhook sender does not sign by RFC 9421: give the sender a Rfc9421Signer with one "
                    + "of PlatformOptions.SigningKeys or RemoteSigningKeys."));
            }
        }
        else if (!options.SigningKeys.Any(key => key.KeyId == keyId && key.Algorithm == sender.Algorithm)
            && !options.RemoteSigningKeys.Any(key => key.KeyId == keyId && key.Algorithm == sender.Algorithm))
        {
            gaps.Add(new(
                "webhook_signing_key_alignment",
                $"The webhook sender signs with the key '{keyId}' ({sender.Algorithm}), which is not among PlatformOptions.SigningKeys and "
                + "RemoteSigningKeys: every receiver would refuse its webhooks. List the sender's own key there."));
        }
    }

    private static void Signing(PlatformOptions options, DeliveryTarget target, WebhookSigningCapability promise, List<BootGap> gaps)
    {
        if (!promise.IsSupported)
        {
            gaps.Add(new("webhook_signing.supported",
                "WebhookSigning.IsSupported is false: AdCP's webhooks are signed. Set it to true, or WebhookSigning to null where no "
                + "webhook is ever sent."));
            return;
        }

        SignatureAlgorithm[] keys = [.. options.SigningKeys.Select(key => key.Algorithm)
            .Concat(options.RemoteSigningKeys.Select(key => key.Algorithm)).Distinct()];
        if (keys.Length == 0 && !options.TaskWebhooksAreExternal)
        {
            gaps.Add(new("webhook_sender_with_rfc9421_key",
                "WebhookSigning is promised and no key signs: list the sender's keys in PlatformOptions.SigningKeys or "
                + "RemoteSigningKeys."));
        }

        if (promise.Algorithms.Count == 0 || (keys.Length > 0 && !promise.Algorithms.ToHashSet().SetEquals(keys))
            || promise.Algorithms.Distinct().Count() != promise.Algorithms.Count)
        {
            gaps.Add(new(
                "webhook_signing_algorithm_alignment",
                $"WebhookSigning.Algorithms says '{string.Join(", ", promise.Algorithms)}' and the keys are "
                + $"'{string.Join(", ", keys)}': they must be the same, and not none."));
        }

        Horizon(options, target, promise, gaps);
    }

    private static void Horizon(PlatformOptions options, DeliveryTarget target, WebhookSigningCapability promise, List<BootGap> gaps)
    {
        if (promise.RetryHorizon is not { } horizon)
        {
            if (options.Version >= AdcpVersion.V32 && !options.AllowsProcessLocalDelivery)
            {
                gaps.Add(new(
                    "webhook_signing.delivery_retry_horizon_seconds",
                    "A seller that speaks 3.2 and signs webhooks promises a retry horizon: set WebhookSigning.RetryHorizon, 24 hours "
                    + "to 7 days, over a durable supervisor or outbox; or, for "
                    + "development only, PlatformOptions.AllowsProcessLocalDelivery."));
            }

            return;
        }

        if (options.Version < AdcpVersion.V32)
        {
            gaps.Add(new("webhook_signing.delivery_retry_horizon_seconds",
                "The retry horizon begins with AdCP 3.2: set WebhookSigning.RetryHorizon to null for an earlier version."));
            return;
        }

        if (horizon < ShortestHorizon || horizon > LongestHorizon || horizon.Ticks % TimeSpan.TicksPerSecond != 0)
        {
            gaps.Add(new("webhook_signing.delivery_retry_horizon_seconds",
                "WebhookSigning.RetryHorizon is 24 hours to 7 days in whole seconds (86,400 to 604,800)."));
        }

        if (options.TaskWebhooksAreExternal)
        {
            if (!(options.ExternalRetryHorizon >= horizon))
            {
                gaps.Add(new("external_durable_webhook_outbox",
                    "The external owner of the task webhooks promises less than WebhookSigning.RetryHorizon: set "
                    + "PlatformOptions.ExternalRetryHorizon to what it holds."));
            }

            return;
        }

        bool durable = options.Outbox is { } outbox
            ? outbox.RetryHorizon >= horizon
            : target.Supervisor is { IsDurable: true } supervisor && supervisor.RetryHorizon >= horizon;
        if (!durable)
        {
            gaps.Add(new(
                "atomic_durable_webhook_outbox",
                "WebhookSigning.RetryHorizon is promised over deliveries that do not survive the process, or not as long: set it to "
                + "null, or wire PlatformOptions.Outbox or a supervisor whose IsDurable is true "
                + "and whose RetryHorizon is at least as long."));
        }
    }
}
