namespace Adcp.Aot.Signing;

/// <summary>The <c>adcp_use</c> that a published key states.</summary>
public enum KeyPurpose
{
    /// <summary><c>request-signing</c>: AdCP 3.1 and later, also for webhooks.</summary>
    RequestSigning = 0,

    /// <summary><c>webhook-signing</c>: required by AdCP 3.0 receivers; deprecated since.</summary>
    WebhookSigning = 1,
}
