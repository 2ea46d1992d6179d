using System.Buffers;

namespace Adcp.Aot.Storage;

/// <summary>
/// A client's address for notifications of a task (A2A 1.0, <c>TaskPushNotificationConfig</c>). A task may have
/// several. Immutable. A bad value throws when it is set, and the message does not repeat it. Neither the url nor a
/// secret is ever printed.
/// </summary>
public sealed class PushConfig
{
    /// <summary>The most bytes of a configuration's id.</summary>
    public const int MaxIdBytes = 255;

    private const int MaxSchemeLength = 64;
    private const int MaxSecretLength = 4096;

    private static readonly SearchValues<char> SchemeCharacters =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    /// <summary>The task that it belongs to.</summary>
    /// <exception cref="ArgumentException">No task can have this id.</exception>
    public required string TaskId
    {
        get;
        init => field = TaskFacts.IsTaskId(value)
            ? value
            : throw new ArgumentException(
                $"A task id has 1 to {TaskFacts.MaxIdBytes} bytes of UTF-8, no control characters and no lone surrogates.", nameof(TaskId));
    }

    /// <summary>
    /// The configuration's name within the task, 1 to 255 bytes of UTF-8. If null or empty, the store picks one;
    /// default null.
    /// </summary>
    /// <exception cref="ArgumentException">Too long, or with a control character or a lone surrogate.</exception>
    public string? Id
    {
        get;
        init => field = string.IsNullOrEmpty(value) ? null : IsId(value)
            ? value
            : throw new ArgumentException(
                $"A configuration's id has at most {MaxIdBytes} bytes of UTF-8, no control characters and no lone surrogates.", nameof(Id));
    }

    /// <summary>
    /// The address of notifications. The store asks the destination guard before it accepts it. It may hold secrets: do
    /// not log it.
    /// </summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public required string Url { get; init => field = value ?? throw new ArgumentNullException(nameof(Url)); }

    /// <summary>The client's token, echoed with each notification: a secret of 1 to 4096 characters, or null.</summary>
    /// <exception cref="ArgumentException">Empty, too long, or with a control character or a lone surrogate.</exception>
    public string? Token { get; init => field = Secret(value, nameof(Token)); }

    /// <summary>The HTTP authentication scheme that the receiver asks for (<c>Bearer</c>, ...), or null.</summary>
    /// <exception cref="ArgumentException">Not 1 to 64 token characters.</exception>
    public string? AuthenticationScheme
    {
        get;
        init => field = value is { Length: 0 or > MaxSchemeLength } || value.AsSpan().ContainsAnyExcept(SchemeCharacters)
            ? throw new ArgumentException(
                $"An authentication scheme is 1 to {MaxSchemeLength} token characters.", nameof(AuthenticationScheme))
            : value;
    }

    /// <summary>The credentials for the scheme: a secret of 1 to 4096 characters, or null.</summary>
    /// <exception cref="ArgumentException">Empty, too long, or with a control character or a lone surrogate.</exception>
    public string? AuthenticationCredentials { get; init => field = Secret(value, nameof(AuthenticationCredentials)); }

    /// <summary>Gets whether notifications are sent. Default true.</summary>
    public bool IsActive { get; init; } = true;

    /// <summary>Returns whether a configuration can have this id. If not, no store has it.</summary>
    /// <param name="id">The id, untrusted.</param>
    public static bool IsId(string? id) => !string.IsNullOrEmpty(id) && StoredText.Fits(id, MaxIdBytes);

    /// <summary>
    /// Returns the configuration as a store keeps it: with an id, and without secrets if those are kept out.
    /// </summary>
    /// <param name="secrets">The store's choice.</param>
    /// <exception cref="ArgumentNullException"><paramref name="secrets"/> is null.</exception>
    public PushConfig AsStored(SecretsAtRest secrets)
    {
        ArgumentNullException.ThrowIfNull(secrets);
        return new PushConfig
        {
            TaskId = TaskId,
            Id = Id ?? "pnc_" + Guid.NewGuid().ToString("N"),
            Url = Url,
            Token = secrets.AreStored ? Token : null,
            AuthenticationScheme = AuthenticationScheme,
            AuthenticationCredentials = secrets.AreStored ? AuthenticationCredentials : null,
            IsActive = IsActive,
        };
    }

    /// <summary>Returns the names of task and configuration only.</summary>
    public override string ToString() => $"PushConfig {Id ?? "(new)"} of task {TaskId}";

    private static string? Secret(string? value, string name) =>
        value is null || (value.Length is > 0 and <= MaxSecretLength && StoredText.Fits(value, 3 * MaxSecretLength))
        ? value
        : throw new ArgumentException(
            $"A secret has 1 to {MaxSecretLength} characters, no control characters and no lone surrogates.", name);
}
