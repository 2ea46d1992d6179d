using Adcp.Aot.Resilience;

namespace Adcp.Aot.Delivery;

/// <summary>The parts of a refused delivery that its record needs.</summary>
internal readonly record struct Refusal(
    PreparedWebhook Webhook, DeliveryOptions Options, RetryPolicy Retry, Endpoint Endpoint, long SequenceNumber = 0, int Attempts = 0);
