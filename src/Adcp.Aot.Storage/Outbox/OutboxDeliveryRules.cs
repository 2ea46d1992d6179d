namespace Adcp.Aot.Storage;

/// <summary>The rules of an <see cref="OutboxDelivery"/>.</summary>
/// <param name="Retry">The delays between attempts.</param>
/// <param name="Horizon">How long a delivery may continue after its first attempt.</param>
/// <param name="HeadOfLineLimit">How long the first webhook of an ordered stream may block it; <see langword="null"/> for no limit.</param>
internal sealed record OutboxDeliveryRules(RetryPolicy Retry, TimeSpan Horizon, TimeSpan? HeadOfLineLimit);
