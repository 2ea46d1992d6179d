using System.Diagnostics;
using System.Runtime.CompilerServices;
using Adcp.Aot.Auditing;
using Adcp.Aot.Telemetry;

namespace Adcp.Aot.Delivery;

/// <summary>
/// The spans of deliveries: one when a webhook is accepted, and one for each attempt. An attempt is a trace of its own that links to the
/// acceptance, because it may come minutes later and in another process. If there is no listener, nothing is done. Never throws.
/// </summary>
internal static class DeliveryTrace
{
    /// <summary>Gets whether there is a listener.</summary>
    internal static bool IsOn => AdcpMeter.Source.HasListeners();

    /// <summary>Writes the span of the acceptance.</summary>
    /// <returns>Its W3C id, or that of the caller's span if it is not sampled; <see langword="null"/> if there is neither.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static string? Accept(PreparedWebhook webhook)
    {
        try
        {
            using Activity? span = AdcpMeter.Source.StartActivity(AdcpSpans.Enqueue, ActivityKind.Producer);
            if (span is not null)
            {
                Describe(span, webhook);
            }

            return (span ?? Activity.Current) is { IdFormat: ActivityIdFormat.W3C, Id: { } id } ? id : null;
        }
        catch (Exception)
        {
            // A listener's fault must not affect the delivery. The same holds below.
            return null;
        }
    }

    /// <summary>Makes an attempt within a span, which is current during the call only.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static ValueTask<WebhookSendResult> Send(InFlightDelivery delivery, IWebhookSender sender)
    {
        Activity? ambient = Activity.Current;
        try
        {
            delivery.Span = Begin(delivery);
            return sender.SendAsync(delivery.Webhook, delivery.Token);
        }
        finally
        {
            Activity.Current = ambient;
        }
    }

    /// <summary>Ends the span of an attempt by its result.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void End(InFlightDelivery delivery)
    {
        Activity span = delivery.Span!;
        delivery.Span = null;
        Activity? ambient = Activity.Current;
        try
        {
            ref AttemptStep step = ref delivery.Step;
            span.SetTag(AdcpTags.Outcome, DeliveryAttempt.WireName(step.Kind));
            if (step.StatusCode != 0)
            {
                span.SetTag("http.response.status_code", (int)step.StatusCode);
            }

            if (step.Kind != AttemptOutcome.Success)
            {
                string error = step.Code ?? (step.StatusCode != 0
                    ? step.StatusCode.ToString(System.Globalization.CultureInfo.InvariantCulture)
                    : DeliveryAttempt.WireName(step.Kind));
                span.SetTag("error.type", error);
                span.SetStatus(ActivityStatusCode.Error, step.Detail);
            }

            span.Stop();
        }
        catch (Exception)
        {
        }
        finally
        {
            // A span that stops makes its parent current, and this one has none.
            Activity.Current = ambient;
        }
    }

    private static Activity? Begin(InFlightDelivery delivery)
    {
        try
        {
            // Without this the span would be a child of whatever the caller, or the timer of a retry, has current.
            Activity.Current = null;
            ActivityLink[]? links = ActivityContext.TryParse(delivery.TraceParent, null, isRemote: true, out ActivityContext accepted)
                ? [new ActivityLink(accepted)]
                : null;
            Activity? span = AdcpMeter.Source.StartActivity(AdcpSpans.Attempt, ActivityKind.Client, default(ActivityContext), links: links);
            if (span is not null)
            {
                Describe(span, delivery.Webhook);
                span.SetTag(AdcpTags.Attempt, delivery.Attempt);
                span.SetTag("http.request.method", "POST");
                span.SetTag("server.address", delivery.Webhook.Destination.Target.Host);
                span.SetTag("server.port", delivery.Webhook.Destination.Target.Port);
            }

            return span;
        }
        catch (Exception)
        {
            return null;
        }
    }

    private static void Describe(Activity span, PreparedWebhook webhook)
    {
        span.SetTag(AdcpTags.TaskId, webhook.TaskId);
        span.SetTag(AdcpTags.TaskType, webhook.TaskType);
        span.SetTag(AdcpTags.NotificationType, webhook.NotificationType);
    }
}
