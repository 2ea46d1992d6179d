using System.Text.Json;
using System.Text.Json.Serialization;
using Adcp.Aot.Json;
using Adcp.Aot.Sending;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform;

/// <summary>
/// The row of a task: its names on the wire, its JSON as unchanged text, and its registrations, encrypted and bound to
/// tenant, task and channel. If the commit of a change was not answered, the random number of the last change shows
/// whether the row holds this change or another's equal one.
/// </summary>
internal sealed record KeptTask(
    string TaskId,
    string TaskType,
    string Status,
    string? Registration,
    string? A2ARegistration,
    JsonText? Context,
    JsonText? Result,
    Guid? Change = null,
    DateTimeOffset? CreatedAt = null,
    string? Account = null)
{
    internal static KeptTask Of(SellerTask task, SecretsAtRest secrets) => new(
        task.TaskId,
        task.TaskType.ToWire(),
        task.Status.ToWire(),
        Protect(task, task.Registration, secrets),
        Protect(task, task.A2ARegistration, secrets),
        JsonText.Of(task.Context),
        JsonText.Of(task.Result),
        CreatedAt: task.CreatedAt,
        Account: task.Account);

    /// <exception cref="System.Security.Cryptography.CryptographicException">A registration needs a key that is not
    /// configured, or is damaged.</exception>
    /// <exception cref="JsonException">The row was not written by this library.</exception>
    internal SellerTask Open(string tenant, SecretsAtRest secrets, DateTimeOffset? updatedAt = null)
    {
        if (!WireNames.TryParse(TaskType, out TaskType type) || !WireNames.TryParse(Status, out AdcpTaskStatus status))
        {
            throw new JsonException($"The kept task '{TaskId}' has a type or status that AdCP does not define.");
        }

        return new SellerTask(
            tenant,
            TaskId,
            type,
            status,
            Reveal(tenant, PushChannel.Adcp, Registration, secrets),
            Reveal(tenant, PushChannel.A2A, A2ARegistration, secrets),
            Context?.Utf8 ?? default,
            Result?.Utf8 ?? default)
        {
            CreatedAt = CreatedAt,
            UpdatedAt = updatedAt,
            Account = Account,
        };
    }

    internal static string? Protect(SellerTask task, PushRegistration? registration, SecretsAtRest secrets)
    {
        if (registration is not { Destination: { } destination })
        {
            return null;
        }

        KeptRegistration kept = new(
            registration.ConfigId, destination.Url, destination.OperationId, destination.Token,
            destination.Authentication?.Scheme, destination.Authentication?.Credentials);
        return secrets.Protect(JsonSerializer.Serialize(kept, KeptJson.Default.KeptRegistration), task.Tenant, task.TaskId,
            registration.Channel.ToString());
    }

    private PushRegistration? Reveal(string tenant, PushChannel channel, string? stored, SecretsAtRest secrets)
    {
        if (secrets.Reveal(stored, tenant, TaskId, channel.ToString()) is not { } text)
        {
            return null;
        }

        KeptRegistration kept = JsonSerializer.Deserialize(text, KeptJson.Default.KeptRegistration)!;
        WebhookAuthentication? authentication = kept is { Scheme: { } scheme, Credentials: { } credentials }
            ? new WebhookAuthentication(scheme, credentials)
            : null;
        return new PushRegistration(channel, new WebhookDestination(kept.Url, kept.OperationId, kept.Token, authentication))
        { ConfigId = kept.ConfigId };
    }
}

/// <summary>A registration in plain text, before encryption and after decryption.</summary>
internal sealed record KeptRegistration(string? ConfigId, string Url, string? OperationId, string? Token,
    AuthenticationScheme? Scheme, string? Credentials)
{
    /// <summary>Returns the type's name: all members may be secret.</summary>
    public override string ToString() => nameof(KeptRegistration);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(KeptTask))]
[JsonSerializable(typeof(KeptRegistration))]
internal sealed partial class KeptJson : JsonSerializerContext;
