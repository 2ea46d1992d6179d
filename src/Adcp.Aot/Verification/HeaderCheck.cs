namespace Adcp.Aot.Verification;

/// <summary>
/// The outcome of the checks that need no body. A body is read only after they passed, so that a request without a sound signature
/// makes a receiver hold nothing.
/// </summary>
internal readonly struct HeaderCheck
{
    private HeaderCheck(InboundRequest request, VerificationResult? refusal)
    {
        Request = request;
        Refusal = refusal;
    }

    internal InboundRequest Request { get; }

    /// <summary>The refusal; <c>null</c> if the headers are sound.</summary>
    internal VerificationResult? Refusal { get; }

    /// <summary>The key whose signature was verified; <c>null</c> for ways without keys.</summary>
    internal VerificationKey? Key { get; private init; }

    /// <summary>The signature's nonce.</summary>
    internal ReadOnlyMemory<char> Nonce { get; private init; }

    /// <summary>The end of the signature's window in Unix seconds.</summary>
    internal long Expires { get; private init; }

    internal static HeaderCheck Refused(VerificationResult refusal) => new(default, refusal);

    internal static HeaderCheck Passed(InboundRequest request) => new(request, null);

    internal static HeaderCheck Signed(InboundRequest request, VerificationKey key, ReadOnlyMemory<char> nonce, long expires) =>
        new(request, null) { Key = key, Nonce = nonce, Expires = expires };
}
