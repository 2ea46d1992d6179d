using System.Buffers;
using System.Text;

namespace Adcp.Aot.Operations;

/// <summary>Names the person or program that acts, and the reason. Both are recorded with the action.</summary>
public sealed record OperatorAction
{
    private const int MaxActorLength = 200;
    private const int MaxReasonLength = 500;

    /// <summary>Creates the description of an action.</summary>
    /// <param name="actor">The person or program that acts, 1 to 200 characters.</param>
    /// <param name="reason">The reason, at most 500 characters; <see langword="null"/> for none.</param>
    /// <exception cref="ArgumentException">A text is too long, or contains a control character or a lone surrogate; or the actor is
    /// empty.</exception>
    public OperatorAction(string actor, string? reason = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(actor);
        Check(actor, MaxActorLength, nameof(actor));
        Check(reason, MaxReasonLength, nameof(reason));
        Actor = actor;
        Reason = string.IsNullOrWhiteSpace(reason) ? null : reason;
    }

    /// <summary>Gets the person or program that acts.</summary>
    public string Actor { get; }

    /// <summary>Gets the reason; <see langword="null"/> for none.</summary>
    public string? Reason { get; }

    private static void Check(string? text, int maxLength, string name)
    {
        ReadOnlySpan<char> rest = text;
        if (rest.Length > maxLength)
        {
            throw new ArgumentException($"The text has at most {maxLength} characters.", name);
        }

        while (!rest.IsEmpty)
        {
            if (Rune.DecodeFromUtf16(rest, out Rune rune, out int length) != OperationStatus.Done || Rune.IsControl(rune))
            {
                throw new ArgumentException("The text is one line: it contains no control character and no lone surrogate.", name);
            }

            rest = rest[length..];
        }
    }
}
