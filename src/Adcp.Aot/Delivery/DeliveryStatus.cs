namespace Adcp.Aot;

/// <summary>The final status of a delivery.</summary>
public enum DeliveryStatus
{
    /// <summary>The receiver answered 2xx.</summary>
    Delivered = 0,

    /// <summary>
    /// Every attempt that the policy allows failed. A later delivery of the same webhook may succeed.
    /// </summary>
    Exhausted = 1,

    /// <summary>The receiver's answer ends this key permanently (409, a signature error, another final 4xx).</summary>
    Rejected = 2,

    /// <summary>Not sent by our own decision or fault: destination guard, signing, a sender that threw.</summary>
    Refused = 3,

    /// <summary>
    /// The endpoint's circuit refused. <see cref="DeliveryOutcome.RetryAt"/> is the time when it may be asked again.
    /// </summary>
    CircuitOpen = 4,

    /// <summary>The caller cancelled. An attempt under way may have reached the receiver.</summary>
    Cancelled = 5,

    /// <summary>The policy's deadline passed.</summary>
    DeadlineExceeded = 6,

    /// <summary>The supervisor stopped: the delivery was not accepted, or was cut short. Deliver it again elsewhere.</summary>
    ShutDown = 7,
}
