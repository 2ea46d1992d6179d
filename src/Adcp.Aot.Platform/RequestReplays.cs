using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using Adcp.Aot.Payloads;

namespace Adcp.Aot.Platform;

/// <summary>
/// Answers of requests by their <c>idempotency_key</c>, within a tenant and a tool: a replay gets the first answer and performs nothing, the same key with other arguments is refused. Bounded;
/// the oldest are forgotten first. A call that fails is forgotten at once, so that it may be made again.
/// </summary>
internal sealed class RequestReplays(int capacity)
{
    private readonly Dictionary<(string, string, string), (string Fingerprint, TaskCompletionSource<ToolReply> Answer)> _known = [];
    private readonly Queue<(string, string, string)> _order = new();
    private readonly Lock _lock = new();

    internal async ValueTask<ToolReply> OnceAsync(string tenant, string tool, string key, JsonElement arguments, Func<ValueTask<ToolReply>> perform)
    {
        string fingerprint = Fingerprint(arguments);
        (string, string, string) request = (tenant, tool, key);
        TaskCompletionSource<ToolReply> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<ToolReply>? earlier = null;
        lock (_lock)
        {
            if (_known.TryGetValue(request, out (string Fingerprint, TaskCompletionSource<ToolReply> Answer) known))
            {
                if (known.Fingerprint != fingerprint)
                {
                    throw new AdcpErrorException(new AdcpError("IDEMPOTENCY_CONFLICT", "The idempotency_key was used with other arguments.", "idempotency_key"));
                }

                earlier = known.Answer.Task;
            }
            else
            {
                while (_known.Count >= capacity && _order.TryDequeue(out (string, string, string) oldest))
                {
                    _known.Remove(oldest);
                }

                _known.Add(request, (fingerprint, answer));
                _order.Enqueue(request);
            }
        }

        if (earlier is not null)
        {
            return await earlier.ConfigureAwait(false);
        }

        try
        {
            ToolReply reply = await perform().ConfigureAwait(false);
            if (reply.Error is not null)
            {
                Forget(request, answer);
            }

            answer.SetResult(reply);
            return reply;
        }
        catch (Exception fault)
        {
            Forget(request, answer);
            answer.SetException(fault);
            _ = answer.Task.Exception;
            throw;
        }
    }

    private void Forget((string, string, string) request, TaskCompletionSource<ToolReply> answer)
    {
        lock (_lock)
        {
            if (_known.TryGetValue(request, out (string Fingerprint, TaskCompletionSource<ToolReply> Answer) known) && known.Answer == answer)
            {
                _known.Remove(request);
            }
        }
    }

    /// <summary>The arguments' canonical JSON, hashed, without the credentials of the push config: AdCP leaves those out of a request's identity.</summary>
    private static string Fingerprint(JsonElement arguments)
    {
        ReadOnlyMemory<byte> plain = WireObject.Outgoing(JsonSerializer.SerializeToUtf8Bytes(arguments, WireJson.Default.JsonElement), default);
        ArrayBufferWriter<byte> canonical = new();
        CanonicalJson.Write(plain.Span, canonical);
        return Convert.ToHexString(SHA256.HashData(canonical.WrittenSpan));
    }
}
