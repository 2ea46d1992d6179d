using System.Text.Json;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform;

/// <summary>A checked registration of a webhook. Immutable; its destination holds secrets.</summary>
public sealed class PushRegistration
{
    /// <summary>The name of the member in a call's arguments.</summary>
    public const string MemberName = "push_notification_config";

    /// <summary>Creates a registration from a checked destination.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="destination">The destination.</param>
    /// <exception cref="ArgumentNullException"><paramref name="destination"/> is null.</exception>
    public PushRegistration(PushChannel channel, WebhookDestination destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        Channel = channel;
        Destination = destination;
    }

    /// <summary>The channel.</summary>
    public PushChannel Channel { get; }

    /// <summary>The destination of its webhooks.</summary>
    public WebhookDestination Destination { get; }

    /// <summary>
    /// The configuration's name on A2A's channel; default null, none. 1 to 512 bytes of UTF-8 without control
    /// characters.
    /// </summary>
    /// <exception cref="ArgumentException">The name breaks its rule.</exception>
    public string? ConfigId
    {
        get;
        init => field = value is null || TaskFacts.IsTaskId(value)
            ? value
            : throw new ArgumentException(
                $"A configuration's id has 1 to {TaskFacts.MaxIdBytes} bytes of UTF-8, no control characters and no lone surrogates.",
                nameof(ConfigId));
    }

    /// <summary>Returns the names of channel and authority only.</summary>
    public override string ToString() => $"{Channel} {Destination}";

    /// <summary>Reads a <c>push_notification_config</c>.</summary>
    /// <exception cref="AdcpErrorException">A rule is broken: <c>INVALID_REQUEST</c> with the field.</exception>
    internal static PushRegistration Read(JsonElement config, AdcpVersion version)
    {
        if (config.ValueKind != JsonValueKind.Object)
        {
            throw Invalid("An object.", null);
        }

        string url = Text(config, "url") ?? throw Invalid("Required: the address of the webhooks.", "url");
        string? operationId = Text(config, "operation_id");
        if (operationId is null && version != AdcpVersion.V30)
        {
            throw Invalid("Required: every webhook of the operation echoes it.", "operation_id");
        }

        WebhookAuthentication? authentication = null;
        if (config.TryGetProperty("authentication"u8, out JsonElement block) && block.ValueKind != JsonValueKind.Null)
        {
            authentication = Authentication(block);
        }

        try
        {
            return new PushRegistration(PushChannel.Adcp, new WebhookDestination(url, operationId, Text(config, "token"), authentication));
        }
        catch (ArgumentException fault)
        {
            // The message names the rule and never the value; the parameter is the member in another case.
            throw Invalid(Rule(fault), fault.ParamName == "operationId" ? "operation_id" : fault.ParamName);
        }
    }

    private static WebhookAuthentication Authentication(JsonElement block)
    {
        if (block.ValueKind != JsonValueKind.Object
            || block.EnumerateObject().Any(member => member.Name is not ("schemes" or "credentials")))
        {
            throw Invalid("An object of 'schemes' and 'credentials' only.", "authentication");
        }

        if (!block.TryGetProperty("schemes"u8, out JsonElement schemes) || schemes.ValueKind != JsonValueKind.Array
            || schemes.EnumerateArray().Any(scheme => scheme.ValueKind != JsonValueKind.String))
        {
            throw Invalid("An array of exactly one of 'Bearer' and 'HMAC-SHA256'.", "authentication.schemes");
        }

        string credentials = Text(block, "credentials", "authentication.") ?? throw Invalid("Required.", "authentication.credentials");
        try
        {
            return WebhookAuthentication.FromRegistration([.. schemes.EnumerateArray().Select(scheme => scheme.GetString()!)], credentials);
        }
        catch (ArgumentException fault)
        {
            throw Invalid(Rule(fault), "authentication." + (fault.ParamName == "schemes" ? "schemes" : "credentials"));
        }
    }

    private static string? Text(JsonElement config, string member, string path = "") =>
        !config.TryGetProperty(member, out JsonElement value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw Invalid("A string.", path + member);

    private static string Rule(ArgumentException fault) => fault.Message.Split(" (Parameter", 2)[0];

    private static AdcpErrorException Invalid(string rule, string? field) =>
        new(AdcpError.InvalidRequest(rule, field is null ? MemberName : MemberName + "." + field));
}
