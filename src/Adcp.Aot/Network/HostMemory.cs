using System.Collections.Concurrent;

namespace Adcp.Aot.Network;

/// <summary>
/// Remembers facts about hosts from earlier connections. Bounded: if it is full, it is emptied. Thread-safe.
/// </summary>
internal sealed class HostMemory
{
    internal const int MaxHosts = 4096;

    private readonly ConcurrentDictionary<(string Host, int Port), HostFacts> _hosts = new();

    internal HostFacts this[string host, int port]
    {
        get
        {
            if (_hosts.TryGetValue((host, port), out HostFacts? facts))
            {
                return facts;
            }

            if (_hosts.Count >= MaxHosts)
            {
                _hosts.Clear();
            }

            return _hosts.GetOrAdd((host, port), static _ => new HostFacts());
        }
    }

    /// <summary>Returns whether a host is known to ignore <c>Expect: 100-continue</c>.</summary>
    internal bool IgnoresExpect(string host, int port) => _hosts.TryGetValue((host, port), out HostFacts? facts) && facts.IgnoresExpect;
}
