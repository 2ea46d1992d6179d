using System.Text.Json;

namespace Adcp.Aot.Platform;

/// <summary>AdCP's <c>error</c> object in the answer of a tool.</summary>
public sealed record AdcpError
{
    internal const string CommittedResourcePurgedCode = "COMMITTED_RESOURCE_PURGED";

    private const int MaxCodeLength = 64;
    private const int MaxRetryAfter = 3_600;

    /// <summary>Creates the error of a broken request: <c>INVALID_REQUEST</c>, correctable.</summary>
    /// <param name="message">The rule that was broken.</param>
    /// <param name="field">The member at fault, such as <c>push_notification_config.url</c>.</param>
    public static AdcpError InvalidRequest(string message, string? field = null) => new("INVALID_REQUEST", message, field);

    /// <summary>Creates the error of a caller that reached a bound: <c>RATE_LIMITED</c>, transient.</summary>
    /// <param name="message">The bound that was reached. The buyer reads it.</param>
    /// <param name="retryAfter">The time until another try.</param>
    public static AdcpError RateLimited(string message, TimeSpan retryAfter) =>
        new("RATE_LIMITED", message, null, ErrorRecovery.Transient) { RetryAfter = retryAfter };

    /// <summary>
    /// Creates the error of a fault of the seller's own, whose cause is for its log only: <c>INTERNAL_ERROR</c>, transient.
    /// </summary>
    internal static AdcpError Internal() =>
        new("INTERNAL_ERROR", "The seller failed to perform the call.", null, ErrorRecovery.Transient);

    /// <summary>Creates the error of a request that was committed and whose object was deleted before its answer was kept.</summary>
    internal static AdcpError CommittedResourcePurged() => new(
        CommittedResourcePurgedCode,
        "The request was performed, and its object was deleted afterwards. Do not make it again: read the current state first.",
        null,
        ErrorRecovery.Terminal);

    /// <summary>Creates an error.</summary>
    /// <param name="code">One of AdCP's codes. 1 to 64 characters.</param>
    /// <param name="message">The cause. The buyer reads it.</param>
    /// <param name="field">The member at fault; null for none.</param>
    /// <param name="recovery">Says which side can correct it.</param>
    /// <exception cref="ArgumentException">A code or message is blank or too long.</exception>
    public AdcpError(string code, string message, string? field = null, ErrorRecovery recovery = ErrorRecovery.Correctable)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(code);
        ArgumentException.ThrowIfNullOrWhiteSpace(message);
        Code = code.Length <= MaxCodeLength
            ? code
            : throw new ArgumentException($"Must have at most {MaxCodeLength} characters.", nameof(code));
        Message = message;
        Field = field;
        Recovery = Enum.IsDefined(recovery)
            ? recovery
            : throw new ArgumentOutOfRangeException(nameof(recovery), recovery, "Not a recovery.");
    }

    /// <summary>The code.</summary>
    public string Code { get; }

    /// <summary>The cause, for the buyer.</summary>
    public string Message { get; }

    /// <summary>The member at fault.</summary>
    public string? Field { get; }

    /// <summary>Says which side can correct it.</summary>
    public ErrorRecovery Recovery { get; }

    /// <summary>
    /// The time until another try, written in whole seconds from 1 to 3,600; <c>null</c> if unknown.
    /// </summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Gets a remedy, in a sentence for people; <c>null</c> for none.</summary>
    public string? Suggestion { get; init; }

    /// <summary>
    /// Gets facts for programs, a JSON object of the code's own schema such as AdCP's <c>version-unsupported.json</c>; <c>null</c> for
    /// none. The buyer reads it.
    /// </summary>
    /// <exception cref="ArgumentException">Not a JSON object.</exception>
    public JsonElement? Details
    {
        get;
        init => field = value is null or { ValueKind: JsonValueKind.Object }
            ? value
            : throw new ArgumentException("Must be a JSON object.", nameof(Details));
    }

    /// <summary>
    /// Gets whether <c>recovery</c> is not written. AdCP 3.0's compliance runner allows nothing but code and message in a conflict of
    /// keys; from 3.1 on each error has a recovery.
    /// </summary>
    internal bool LeavesRecoveryOut { get; init; }

    /// <summary>Writes the error as an object of AdCP's <c>error</c> schema.</summary>
    /// <param name="json">The writer.</param>
    /// <exception cref="ArgumentNullException"><paramref name="json"/> is null.</exception>
    public void WriteTo(Utf8JsonWriter json)
    {
        ArgumentNullException.ThrowIfNull(json);
        json.WriteStartObject();
        json.WriteString("code"u8, Code);
        json.WriteString("message"u8, Message);
        if (Field is not null)
        {
            json.WriteString("field"u8, Field);
        }

        if (!LeavesRecoveryOut)
        {
            json.WriteString("recovery"u8, Recovery switch
            {
                ErrorRecovery.Transient => "transient"u8,
                ErrorRecovery.Correctable => "correctable"u8,
                _ => "terminal"u8,
            });
        }

        if (RetryAfter is { } wait)
        {
            json.WriteNumber("retry_after"u8, (long)Math.Clamp(Math.Ceiling(wait.TotalSeconds), 1, MaxRetryAfter));
        }

        if (Suggestion is not null)
        {
            json.WriteString("suggestion"u8, Suggestion);
        }

        if (Details is { } details)
        {
            json.WritePropertyName("details"u8);
            details.WriteTo(json);
        }

        json.WriteEndObject();
    }
}
