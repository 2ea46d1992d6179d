namespace Adcp.Aot.Verification;

/// <summary>
/// The result of the checks that need no body. The body is read only after they passed. So a request without a valid
/// signature uses no memory of a receiver.
/// </summary>
internal readonly struct HeaderCheck
{
    private HeaderCheck(InboundRequest request, VerificationResult? refusal)
    {
        Request = request;
        Refusal = refusal;
    }

    internal InboundRequest Request { get; }

    /// <summary>The refusal; <c>null</c> if the headers are valid.</summary>
    internal VerificationResult? Refusal { get; }

    /// <summary>The key whose signature was verified; <c>null</c> for schemes without keys.</summary>
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
