using Adcp.Aot.Network;

namespace Adcp.Aot.Sending;

/// <summary>The connections and timeouts of each egress rule, and those of all other destinations. Thread-safe.</summary>
internal sealed class EgressPaths : IDisposable
{
    private readonly EgressPath _default;
    private readonly (EgressRule Rule, EgressPath Path)[] _rules;

    internal EgressPaths(WebhookSenderOptions options, DestinationGuard guard)
    {
        _default = new EgressPath(options, guard, null);
        _rules = [.. options.Egress.Select(rule => (rule, new EgressPath(options, guard, rule)))];
    }

    /// <summary>Gets the connections of destinations without a rule.</summary>
    internal EgressPath Default => _default;

    /// <summary>Gets the longest timeout of an attempt.</summary>
    internal TimeSpan LongestAttempt => _rules.Select(static rule => rule.Path.AttemptTimeout).Append(_default.AttemptTimeout).Max();

    /// <summary>Returns the path of the first rule for a url.</summary>
    internal EgressPath Find(TargetUri target)
    {
        foreach ((EgressRule rule, EgressPath path) in _rules)
        {
            if (rule.Matches(target))
            {
                return path;
            }
        }

        return _default;
    }

    public void Dispose()
    {
        _default.Dispose();
        Array.ForEach(_rules, static rule => rule.Path.Dispose());
    }
}

/// <summary>The connections and timeouts of some destinations.</summary>
internal sealed class EgressPath : IDisposable
{
    internal EgressPath(WebhookSenderOptions options, DestinationGuard guard, EgressRule? rule)
    {
        AttemptTimeout = rule?.AttemptTimeout ?? options.AttemptTimeout;
        Timeouts = new AttemptTimeouts(AttemptTimeout, options.TimeProvider);
        Http = new GuardedHttp(guard, new GuardedHttpOptions(
            rule?.ConnectTimeout ?? options.ConnectTimeout, AttemptTimeout, options.ConnectionLifetime, options.TimeProvider,
            rule?.Revocation ?? options.Revocation)
        {
            Proxy = rule?.Proxy is { } proxy ? new ProxyConnector(proxy.Url, proxy.Credentials, proxy.ResolvesNames) : null,
            Certificates = rule?.CertificatesOf(),
            WrapHandler = rule?.WrapHandler,
        });
    }

    internal TimeSpan AttemptTimeout { get; }

    internal AttemptTimeouts Timeouts { get; }

    internal GuardedHttp Http { get; }

    public void Dispose() => Http.Dispose();
}
