
namespace Adcp.Aot.Receiving;

/// <summary>
/// Counts the messages and bytes that an endpoint holds, so that neither exceeds its bound. Thread-safe and lock-free.
/// </summary>
internal sealed class BodyBudget(int maxWebhooks, long maxBytes)
{
    private int _checks;
    private int _webhooks;
    private long _bytes;

    /// <summary>The bytes of all buffers that are held now.</summary>
    internal long Bytes => Volatile.Read(ref _bytes);

    /// <summary>The messages whose bodies are held now.</summary>
    internal int Webhooks => Volatile.Read(ref _webhooks);

    /// <summary>Admits a message to the check of its headers.</summary>
    internal bool TryEnterCheck() => TryEnter(ref _checks);

    internal void LeaveCheck() => Interlocked.Decrement(ref _checks);

    /// <summary>Admits a message to the reading of its body.</summary>
    internal bool TryEnterWebhook() => TryEnter(ref _webhooks);

    internal void LeaveWebhook() => Interlocked.Decrement(ref _webhooks);

    internal bool TryReserve(long bytes)
    {
        if (Interlocked.Add(ref _bytes, bytes) <= maxBytes)
        {
            return true;
        }

        Interlocked.Add(ref _bytes, -bytes);
        return false;
    }

    internal void Return(long bytes) => Interlocked.Add(ref _bytes, -bytes);

    private bool TryEnter(ref int count)
    {
        if (Interlocked.Increment(ref count) <= maxWebhooks)
        {
            return true;
        }

        Interlocked.Decrement(ref count);
        return false;
    }
}
