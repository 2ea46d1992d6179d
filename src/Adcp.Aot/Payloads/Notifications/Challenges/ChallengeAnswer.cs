namespace Adcp.Aot.Payloads.Notifications;

/// <summary>The result of a subscriber's answer to a challenge.</summary>
public enum ChallengeAnswer
{
    /// <summary>The endpoint returned the value: the subscriber controls it.</summary>
    Proven = 0,

    /// <summary>The status is not 2xx.</summary>
    NotAccepted = 1,

    /// <summary>The body is not a JSON object with exactly one of <c>challenge</c> and <c>token</c>.</summary>
    Malformed = 2,

    /// <summary>The value is a different one.</summary>
    Mismatch = 3,
}
