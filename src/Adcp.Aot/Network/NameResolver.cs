using System.Net;
using System.Net.Sockets;

namespace Adcp.Aot.Network;

/// <summary>
/// Looks names up so that slow names cannot starve others. At most <see cref="MaxLookUps"/> look-ups run at a time,
/// each on its own thread, because the system's resolver blocks. Further names wait in a queue without a thread until
/// their callers' time is up. Concurrent callers of one name share a look-up. Thread-safe.
/// </summary>
/// <remarks>
/// A name that was answered within <see cref="KnownFor"/> does not wait in line: while all look-ups are taken it has the addresses of its
/// last answer. So slow names cannot keep deliveries from endpoints that were reached before. The caller judges the addresses again.
/// <para>Tenants share the look-ups: one may have as many under way as there are free places. So the slow names of one tenant
/// take half of the places at most, and a place is free until five tenants have slow names. A name that two tenants wait for
/// counts for the one with fewer look-ups.</para>
/// </remarks>
/// <param name="look">Looks one name up. It may block or throw. If it does not return, the look-up is abandoned with
/// its last caller.</param>
/// <param name="absentFor">The time for which a name that does not exist is not looked up again; zero to look it up
/// each time.</param>
internal sealed class NameResolver(Func<string, CancellationToken, Task<IPAddress[]>> look, TimeSpan absentFor)
{
    internal const int MaxLookUps = 16;

    /// <summary>
    /// The maximum number of abandoned look-ups of a custom resolver that have not returned. Further ones keep their
    /// slot until they return.
    /// </summary>
    internal const int MaxAbandoned = 64;

    private const int MaxNames = 4096;

    /// <summary>The most names of one tenant that are looked up or wait.</summary>
    private const int MaxNamesPerTenant = 1024;

    private const int MaxKnownAddresses = 32;

    private static readonly TimeSpan KnownFor = TimeSpan.FromHours(1);

    /// <summary>
    /// The time for which a name that does not exist is not looked up again by the system's resolver.
    /// </summary>
    private static readonly TimeSpan AbsenceTime = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, LookUp> _lookUps = new(StringComparer.Ordinal);
    private readonly LinkedList<LookUp> _waiting = new();
    private readonly Dictionary<string, long> _absent = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (IPAddress[] Addresses, long Until)> _known = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _runningOf = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _namesOf = new(StringComparer.Ordinal);
    private int _running;
    private int _abandoned;
    private long _answers;

    /// <summary>Gets the system's resolver, one for the process.</summary>
    internal static NameResolver System { get; } =
        new(static (host, _) => Task.FromResult(Dns.GetHostAddresses(host)), AbsenceTime);

    /// <summary>Returns the addresses of a name, mapped ones as IPv4 and without scope ids.</summary>
    /// <exception cref="DestinationRefusedException">The name has no address.</exception>
    /// <exception cref="SocketException">
    /// <see cref="SocketError.TryAgain"/>: the resolver failed, too many names wait, or the token was cancelled and
    /// no other name was answered in the meantime either.
    /// </exception>
    /// <exception cref="OperationCanceledException">The token was cancelled while other names were answered, so this
    /// name's own servers are slow.</exception>
    internal Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken) =>
        ResolveAsync(host, null, cancellationToken);

    /// <param name="host">The name.</param>
    /// <param name="tenant">The tenant whose share of the look-ups is used; <c>null</c> for all of them.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <inheritdoc cref="ResolveAsync(string, CancellationToken)"/>
    internal async Task<IPAddress[]> ResolveAsync(string host, string? tenant, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        LookUp lookUp;
        bool start = false;
        lock (_lock)
        {
            if (_absent.TryGetValue(host, out long until))
            {
                if (Environment.TickCount64 < until)
                {
                    throw Absent();
                }

                _absent.Remove(host);
            }

            // Also if it is in line or under way already: its own name server may be the one that went silent.
            if (!MayStart(tenant) && _known.TryGetValue(host, out (IPAddress[] Addresses, long Until) known)
                && Environment.TickCount64 < known.Until)
            {
                return known.Addresses;
            }

            if (!_lookUps.TryGetValue(host, out lookUp!))
            {
                if (_lookUps.Count >= MaxNames || (tenant is not null && _namesOf.GetValueOrDefault(tenant) >= MaxNamesPerTenant))
                {
                    throw Failed();
                }

                lookUp = new LookUp(host, tenant);
                _lookUps.Add(host, lookUp);
                Count(_namesOf, tenant, 1);
                lookUp.Place = _waiting.AddLast(lookUp);
            }
            else if (lookUp.Place is not null && Running(tenant) < Running(lookUp.Tenant))
            {
                Count(_namesOf, lookUp.Tenant, -1);
                Count(_namesOf, tenant, 1);
                lookUp.Tenant = tenant;
            }

            start = lookUp.Place is not null && MayStart(lookUp.Tenant);
            if (start)
            {
                Begin(lookUp);
            }

            lookUp.Callers++;
        }

        if (start)
        {
            Start(lookUp);
        }

        try
        {
            return await lookUp.Addresses.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            throw Leave(lookUp) ? new OperationCanceledException(cancellationToken) : Failed();
        }
    }

    private static SocketException Failed() => new((int)SocketError.TryAgain);

    private static DestinationRefusedException Absent() => new("the name has no address");

    /// <summary>
    /// Removes a caller whose time is up. If it was the last one, a queued look-up is removed, and a running one is
    /// cancelled.
    /// </summary>
    /// <returns><c>true</c> if other names were answered while this one was looked up.</returns>
    private bool Leave(LookUp lookUp)
    {
        bool othersAnswered;
        bool abandoned;
        lock (_lock)
        {
            abandoned = --lookUp.Callers == 0;
            othersAnswered = lookUp.Place is null && _answers > lookUp.AnswersAtStart;
            if (lookUp.Place is { } place)
            {
                if (abandoned)
                {
                    _waiting.Remove(place);
                    Forget(lookUp);
                }

                return false;
            }
        }

        // The system's resolver cannot be interrupted: it keeps its thread and its slot until it returns.
        if (abandoned && !ReferenceEquals(this, System))
        {
            LookUp? next = End(lookUp, null, Failed(), givenUp: true);
            lookUp.Cancel();
            if (next is not null)
            {
                Start(next);
            }
        }

        return othersAnswered;
    }

    private void Start(LookUp lookUp)
    {
        try
        {
            new Thread(() => _ = RunAsync(lookUp)) { IsBackground = true, Name = "Adcp.Aot DNS" }.UnsafeStart();
        }
        catch (OutOfMemoryException)
        {
            // No thread could be started, so a pool thread is used.
            ThreadPool.UnsafeQueueUserWorkItem(_ => _ = RunAsync(lookUp), null);
        }
    }

    /// <summary>Looks names up one after another until none waits. Never throws.</summary>
    private async Task RunAsync(LookUp? lookUp)
    {
        while (lookUp is not null)
        {
            IPAddress[]? addresses = null;
            Exception? fault = null;
            try
            {
                addresses = await look(lookUp.Host, lookUp.Abandoned.Token).ConfigureAwait(false) ?? [];
                addresses = [.. addresses.Select(AddressRules.Normalize)];
            }
            catch (SocketException none) when (none.SocketErrorCode is SocketError.HostNotFound or SocketError.NoData)
            {
                fault = Absent();
            }
            catch (Exception)
            {
                fault = Failed();
            }

            lookUp = End(lookUp, addresses, fault);
        }
    }

    /// <summary>
    /// Ends a look-up, unless it was abandoned before or too many were, and returns the next one in the queue.
    /// </summary>
    private LookUp? End(LookUp lookUp, IPAddress[]? addresses, Exception? fault, bool givenUp = false)
    {
        LookUp? next = null;
        lock (_lock)
        {
            if (lookUp.Ended)
            {
                _abandoned -= givenUp ? 0 : 1;
                return null;
            }

            if (givenUp && _abandoned++ >= MaxAbandoned)
            {
                _abandoned--;
                return null;
            }

            lookUp.Ended = true;
            Forget(lookUp);
            if (fault is null or DestinationRefusedException)
            {
                _answers++;
                Remember(lookUp.Host, addresses);
            }

            _running--;
            Count(_runningOf, lookUp.Tenant, -1);
            next = Next();
            if (next is not null)
            {
                Begin(next);
            }
        }

        if (fault is null)
        {
            lookUp.Addresses.TrySetResult(addresses!);
        }
        else
        {
            lookUp.Addresses.TrySetException(fault);

            // All callers may have left: reading the exception marks it as observed.
            _ = lookUp.Addresses.Task.Exception;
        }

        return next;
    }

    /// <summary>Returns whether one more look-up of a tenant may begin. The caller has the lock, as of the methods below.</summary>
    private bool MayStart(string? tenant) =>
        _running < MaxLookUps && (tenant is null || _runningOf.GetValueOrDefault(tenant) < MaxLookUps - _running);

    /// <summary>Returns how many look-ups of a tenant are under way; of no tenant, none: its names need no share.</summary>
    private int Running(string? tenant) => tenant is null ? -1 : _runningOf.GetValueOrDefault(tenant);

    /// <summary>Returns the first name in line whose tenant may begin a look-up.</summary>
    private LookUp? Next()
    {
        for (LinkedListNode<LookUp>? place = _waiting.First; place is not null; place = place.Next)
        {
            if (MayStart(place.Value.Tenant))
            {
                return place.Value;
            }
        }

        return null;
    }

    private void Begin(LookUp lookUp)
    {
        _waiting.Remove(lookUp.Place!);
        lookUp.Place = null;
        lookUp.AnswersAtStart = _answers;
        _running++;
        Count(_runningOf, lookUp.Tenant, 1);
    }

    private void Forget(LookUp lookUp)
    {
        _lookUps.Remove(lookUp.Host);
        Count(_namesOf, lookUp.Tenant, -1);
    }

    private static void Count(Dictionary<string, int> counts, string? tenant, int change)
    {
        if (tenant is null)
        {
            return;
        }

        int count = counts.GetValueOrDefault(tenant) + change;
        if (count == 0)
        {
            counts.Remove(tenant);
        }
        else
        {
            counts[tenant] = count;
        }
    }

    /// <summary>Keeps an answer.</summary>
    private void Remember(string host, IPAddress[]? addresses)
    {
        if (addresses is null)
        {
            _known.Remove(host);
            if (absentFor > TimeSpan.Zero)
            {
                Put(_absent, host, Environment.TickCount64 + (long)absentFor.TotalMilliseconds);
            }
        }
        else if (addresses.Length <= MaxKnownAddresses)
        {
            Put(_known, host, (addresses, Environment.TickCount64 + (long)KnownFor.TotalMilliseconds));
        }
    }

    private static void Put<T>(Dictionary<string, T> memory, string host, T value)
    {
        if (memory.Count >= MaxNames && !memory.ContainsKey(host))
        {
            memory.Clear();
        }

        memory[host] = value;
    }

    private sealed class LookUp(string host, string? tenant)
    {
        internal string Host => host;

        /// <summary>The tenant whose share it uses. Fixed once it runs.</summary>
        internal string? Tenant { get; set; } = tenant;

        /// <summary>
        /// Cancelled when no caller waits any more. The source has no timer, so it need not be disposed.
        /// </summary>
        internal CancellationTokenSource Abandoned { get; } = new();

        internal bool Ended { get; set; }

        internal TaskCompletionSource<IPAddress[]> Addresses { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>The number of callers that wait for it.</summary>
        internal int Callers { get; set; }

        /// <summary>Its place in the queue; <c>null</c> when it runs.</summary>
        internal LinkedListNode<LookUp>? Place { get; set; }

        internal long AnswersAtStart { get; set; }

        internal void Cancel()
        {
            try
            {
                Abandoned.Cancel();
            }
            catch (AggregateException)
            {
                // A callback of the resolver threw. The look-up has ended either way.
            }
        }
    }
}
