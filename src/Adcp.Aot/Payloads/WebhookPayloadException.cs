namespace Adcp.Aot;

/// <summary>A payload breaks a rule of the wire. Nothing was sent and no sequence number was used.</summary>
public sealed class WebhookPayloadException : ArgumentException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="code">The stable identifier, such as <c>duplicate_key_input</c>.</param>
    /// <param name="message">The rule that was broken.</param>
    /// <param name="paramName">The offending member.</param>
    public WebhookPayloadException(string code, string message, string? paramName = null)
        : base(message, paramName) => Code = code;

    /// <summary>
    /// The stable identifier: <c>duplicate_key_input</c>, <c>invalid_json</c>, <c>missing_operation_id</c>,
    /// <c>body_too_large</c>, ...
    /// </summary>
    public string Code { get; }
}
