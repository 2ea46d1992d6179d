using Adcp.Aot.Resilience;

namespace Adcp.Aot.Delivery;

/// <summary>A delivery that a circuit refuses, as far as its record needs it.</summary>
internal readonly record struct Refusal(
    PreparedWebhook Webhook, DeliveryOptions Options, RetryPolicy Retry, Endpoint Endpoint, long SequenceNumber = 0, int Attempts = 0);
