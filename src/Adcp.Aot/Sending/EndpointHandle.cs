namespace Adcp.Aot.Sending;

/// <summary>What a supervisor remembers in a <see cref="WebhookDestination"/>, so that it looks the endpoint up once.</summary>
internal abstract class EndpointHandle
{
}
