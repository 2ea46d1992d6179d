using System.Runtime.InteropServices;
using Adcp.Aot.Resilience;
using Adcp.Aot.Threading;

namespace Adcp.Aot.Delivery;

/// <summary>The permits of an attempt: its endpoint's, its tenant's, and one of all. Thread-safe.</summary>
/// <remarks>
/// They are taken from the narrowest to the widest. So a delivery that waits for its endpoint or its tenant holds
/// nothing that another tenant needs, and slow endpoints of one tenant can take only its own share. Each level admits
/// its waiters in order of arrival.
/// </remarks>
internal sealed class ConcurrencyLimits(int perEndpoint, int perTenant, int total)
{
    private PaddedGate _total;

    /// <summary>Gets the number of attempts that hold their permits.</summary>
    internal int Holders => _total.Gate.Holders;

    /// <summary>Takes all permits if they are free now.</summary>
    internal bool TryAcquire(Endpoint endpoint)
    {
        if (!endpoint.Gate.TryEnter(perEndpoint))
        {
            return false;
        }

        TenantState tenant = endpoint.Tenant;
        if (tenant.Key is not null && !tenant.Gate.TryEnter(perTenant))
        {
            endpoint.Gate.Leave(perEndpoint);
            return false;
        }

        if (!_total.Gate.TryEnter(total))
        {
            ReleaseTenant(endpoint);
            return false;
        }

        return true;
    }

    /// <summary>Takes all permits, waiting for each in turn. Returns false, with none taken, if cancelled.</summary>
    internal async ValueTask<bool> AcquireAsync(Endpoint endpoint, CancellationToken cancellationToken)
    {
        TenantState tenant = endpoint.Tenant;
        if (!endpoint.Gate.TryEnter(perEndpoint)
            && !await EnteredAsync(endpoint.Gate.EnterAsync(perEndpoint, cancellationToken)).ConfigureAwait(false))
        {
            return false;
        }

        if (tenant.Key is not null && !tenant.Gate.TryEnter(perTenant)
            && !await EnteredAsync(tenant.Gate.EnterAsync(perTenant, cancellationToken)).ConfigureAwait(false))
        {
            endpoint.Gate.Leave(perEndpoint);
            return false;
        }

        if (!_total.Gate.TryEnter(total) && !await EnteredAsync(_total.Gate.EnterAsync(total, cancellationToken)).ConfigureAwait(false))
        {
            ReleaseTenant(endpoint);
            return false;
        }

        return true;
    }

    /// <summary>Returns all permits, and admits the next waiter of each level.</summary>
    internal void Release(Endpoint endpoint)
    {
        _total.Gate.Leave(total);
        ReleaseTenant(endpoint);
    }

    private void ReleaseTenant(Endpoint endpoint)
    {
        if (endpoint.Tenant.Key is not null)
        {
            endpoint.Tenant.Gate.Leave(perTenant);
        }

        endpoint.Gate.Leave(perEndpoint);
    }

    private static async ValueTask<bool> EnteredAsync(Task entering)
    {
        await entering.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return entering.IsCompletedSuccessfully;
    }

    /// <summary>
    /// Keeps the gate of all away from the cache lines of other fields, because every attempt changes it.
    /// </summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct PaddedGate
    {
        [FieldOffset(128)]
        internal ConcurrencyGate Gate;
    }
}
