namespace Adcp.Aot.Sending;

/// <summary>Why an attempt got no answer. The order is: the endpoint's faults, then our own.</summary>
public enum WebhookSendError
{
    /// <summary>There was an answer.</summary>
    None = 0,

    /// <summary>No full answer within the attempt's timeout.</summary>
    Timeout = 1,

    /// <summary>DNS, TCP, TLS or HTTP failed before an answer.</summary>
    ConnectionFailed = 2,

    /// <summary>The destination guard refused the url or an address it resolves to. Nothing was sent.</summary>
    DestinationRefused = 3,

    /// <summary>The request could not be built or signed. Nothing was sent.</summary>
    SigningFailed = 4,

    /// <summary>The key that is kept elsewhere could not be asked, or did not answer within the attempt's timeout. Nothing was sent; another attempt may find it back.</summary>
    SignerUnavailable = 5,
}
