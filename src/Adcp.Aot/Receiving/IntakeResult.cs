using Adcp.Aot.Verification;

namespace Adcp.Aot.Receiving;

/// <summary>
/// The outcome of a message and the parts of its answer. The only secret in it is <see cref="Answer"/>.
/// </summary>
public readonly struct IntakeResult
{
    internal IntakeResult(IntakeStatus status, string? code = null, TimeSpan? retryAfter = null)
    {
        Status = status;
        Code = code;
        RetryAfter = retryAfter;
    }

    /// <summary>The outcome.</summary>
    public IntakeStatus Status { get; }

    /// <summary>The outcome of verification; the default value if the message did not get that far.</summary>
    public VerificationResult Verification { get; internal init; }

    /// <summary>A code for the sender, such as <c>missing_envelope_fields</c>; <c>null</c> if there is none.</summary>
    public string? Code { get; }

    /// <summary>The time after which a retry may succeed; <c>null</c> if a retry needs no such hint.</summary>
    public TimeSpan? RetryAfter { get; }

    /// <summary>
    /// The body of the answer to an accepted challenge, UTF-8 JSON; otherwise empty. A secret until it is sent.
    /// </summary>
    public ReadOnlyMemory<byte> Answer { get; internal init; }

    /// <summary>The exception that broke the body; <c>null</c> for all other outcomes.</summary>
    public Exception? Fault { get; internal init; }

    /// <summary>Gets whether the body was read to its end. If not, an HTTP/1.1 connection cannot be used again.</summary>
    public bool BodyWasRead { get; internal init; }

    /// <summary>Returns the status and the code.</summary>
    public override string ToString() =>
        Status == IntakeStatus.NotVerified ? Verification.ToString() : Code is null ? Status.ToString() : $"{Status}: {Code}";
}
