namespace Adcp.Aot;

/// <summary>The reason why an attempt got no answer: first the endpoint's faults, then our own.</summary>
public enum WebhookSendError
{
    /// <summary>There was an answer.</summary>
    None = 0,

    /// <summary>No answer within the attempt's timeout.</summary>
    Timeout = 1,

    /// <summary>TCP, TLS or HTTP failed before an answer.</summary>
    ConnectionFailed = 2,

    /// <summary>
    /// The host's name gives no address to connect to: it does not exist, its answer is empty or too long, or the
    /// destination guard refuses an address in it. One value for all of these, so that the buyer cannot learn which
    /// names exist in our network; the sender's log names the reason. Nothing was sent.
    /// </summary>
    NoUsableAddress = 3,

    /// <summary>The destination guard refused the url itself. Nothing was sent.</summary>
    DestinationRefused = 4,

    /// <summary>The request could not be built or signed. Nothing was sent.</summary>
    SigningFailed = 5,

    /// <summary>
    /// The remote key could not be reached, or did not answer within the attempt's timeout. Nothing was sent; another
    /// attempt may succeed.
    /// </summary>
    SignerUnavailable = 6,

    /// <summary>
    /// This machine or its network failed: no descriptor, local port or buffer left, no name resolution, no route.
    /// </summary>
    LocalNetwork = 7,
}
