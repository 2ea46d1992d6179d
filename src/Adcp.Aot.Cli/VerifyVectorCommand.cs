using System.CommandLine;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Adcp.Aot.Verification;

namespace Adcp.Aot.Cli;

/// <summary>
/// <c>verify-vector FILE</c>: runs one of AdCP's webhook-signing vectors against the verifier, with the vector's clock,
/// keys and state.
/// </summary>
internal static class VerifyVectorCommand
{
    // The maximum number of nonces of a key here, so that it is cheap if a vector uses it up.
    private const int MaxNonces = 64;

    private static readonly TimeSpan PollingInterval = TimeSpan.FromMinutes(15);

    internal static Command Create()
    {
        Argument<string> file = new("file") { Description = "The vector." };
        Option<string> keys = Options.Text("--keys", "The vectors' keys.json.", required: true);
        Option<bool> json = Options.Json();
        Command command = new("verify-vector", "Run one official webhook-signing vector; prints ok or the error code.")
            { file, keys, json };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            VerificationResult result;
            try
            {
                result = await RunAsync(
                    JsonNode.Parse(InputFile.Bytes(arguments.GetValue(file)!, "FILE"))!,
                    JsonNode.Parse(InputFile.Bytes(arguments.GetValue(keys)!, "--keys"))!, cancellationToken)
                    .ConfigureAwait(false);
            }
            catch (Exception fault) when (fault is JsonException or InvalidOperationException or NullReferenceException
                or FormatException or ArgumentException)
            {
                throw new CommandException(ExitCode.Usage, "FILE or --keys is not a webhook-signing vector or its keys.");
            }

            return Verdict.Print(result, arguments.GetValue(json));
        });
        return command;
    }

    private static async Task<VerificationResult> RunAsync(JsonNode vector, JsonNode keys, CancellationToken cancellationToken)
    {
        FixedTime time = new((long)vector["reference_now"]!);
        InMemoryReplayCache replays = new(MaxNonces, timeProvider: time);
        Revocations? revocations = await InstallAsync(vector["test_harness_state"], replays, time.GetUtcNow(), cancellationToken)
            .ConfigureAwait(false);
        JsonNode request = vector["request"]!;
        Rfc9421Verifier verifier = new(
            VerificationKeySet.FromJwks(Keys(vector, keys).ToJsonString()), replays,
            new Rfc9421VerifierOptions { TimeProvider = time, Revocations = revocations });
        InboundRequest inbound = new(
            (string)request["method"]!, (string)request["url"]!,
            [.. request["headers"]!.AsObject().Select(header => KeyValuePair.Create(header.Key, (string)header.Value!))]);
        return await verifier.VerifyAsync(inbound, Encoding.UTF8.GetBytes((string?)request["body"] ?? ""), default, cancellationToken)
            .ConfigureAwait(false);
    }

    /// <summary>Returns the keys that the vector names.</summary>
    private static JsonObject Keys(JsonNode vector, JsonNode keys)
    {
        HashSet<string?> named = [.. vector["jwks_ref"]?.AsArray().Select(id => (string?)id) ?? []];
        JsonNode? overrides = vector["jwks_override"];
        IEnumerable<JsonNode?> presented = overrides?["keys"] is JsonArray set
            ? set
            : keys["keys"]!.AsArray()
                .Where(key => vector["jwks_ref"] is null || named.Contains((string?)key!["kid"]))
                .Select(key => overrides?[(string)key!["kid"]!] ?? key);
        return new JsonObject { ["keys"] = new JsonArray([.. presented.Select(key => key!.DeepClone())]) };
    }

    private static async Task<Revocations?> InstallAsync(JsonNode? state, InMemoryReplayCache replays, DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        List<string> revoked = [];
        DateTimeOffset? updated = null;
        foreach ((string name, JsonNode? value) in state?.AsObject() ?? [])
        {
            switch (name)
            {
                case "replay_cache_entries":
                    foreach (JsonNode? entry in value!.AsArray())
                    {
                        await AddAsync((string)entry!["keyid"]!, (string)entry["nonce"]!).ConfigureAwait(false);
                    }

                    break;
                case "per_keyid_cap_filled_for":
                    for (int i = 0; i < MaxNonces; i++)
                    {
                        await AddAsync((string)value!, $"filling-the-share-{i:D6}").ConfigureAwait(false);
                    }

                    break;
                case "revoked_kids":
                    revoked.AddRange(value!.AsArray().Select(id => (string)id!));
                    updated ??= now;
                    break;
                case "revocation_list_stale_seconds":
                    updated = now.AddSeconds(-(long)value!);
                    break;
                default:
                    throw new CommandException(
                        ExitCode.Usage, $"The vector asks for the state '{Output.Foreign(name)}', which is not known here.");
            }
        }

        return updated is { } at ? new Revocations(new RevocationList(revoked, at, at + PollingInterval)) : null;

        async Task AddAsync(string keyId, string nonce) =>
            await replays.TryAddAsync("", keyId, nonce.AsMemory(), now.AddMinutes(6), cancellationToken).ConfigureAwait(false);
    }
}
