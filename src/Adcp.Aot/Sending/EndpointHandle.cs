namespace Adcp.Aot.Sending;

/// <summary>
/// A supervisor's entry in a <see cref="WebhookDestination"/>, so that the endpoint is looked up once.
/// </summary>
internal abstract class EndpointHandle
{
}
