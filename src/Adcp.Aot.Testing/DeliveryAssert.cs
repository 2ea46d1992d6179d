using Adcp.Aot.Auditing;

namespace Adcp.Aot.Testing;

/// <summary>Assertions on deliveries and attempts, for any test framework.</summary>
public static class DeliveryAssert
{
    /// <summary>Asserts that a delivery ended with a status.</summary>
    /// <param name="expected">The status.</param>
    /// <param name="outcome">The outcome.</param>
    /// <exception cref="DeliveryAssertException">It ended in another way.</exception>
    public static void Ended(DeliveryStatus expected, DeliveryOutcome outcome)
    {
        if (outcome.Status != expected)
        {
            throw new DeliveryAssertException($"The delivery was expected to end as {expected}. It ended: {outcome}");
        }
    }

    /// <summary>Asserts the outcomes of the recorded attempts, in order.</summary>
    /// <param name="sink">The sink of the supervisor, after <see cref="InMemoryWebhookDeliverySupervisor.FlushAuditAsync"/>.</param>
    /// <param name="expected">The outcomes.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="DeliveryAssertException">There were others.</exception>
    public static void Attempts(InMemoryDeliveryLogSink sink, params AttemptOutcome[] expected)
    {
        ArgumentNullException.ThrowIfNull(sink);
        ArgumentNullException.ThrowIfNull(expected);
        AttemptOutcome[] were = [.. sink.Snapshot().Select(static attempt => attempt.Outcome)];
        if (!were.AsSpan().SequenceEqual(expected))
        {
            throw new DeliveryAssertException(
                $"The attempts were expected to be [{string.Join(", ", expected)}]. They were [{string.Join(", ", were)}].");
        }
    }

    /// <summary>Asserts that all attempts sent the same key and the same bytes.</summary>
    /// <param name="attempts">The attempts of one delivery.</param>
    /// <exception cref="ArgumentNullException"><paramref name="attempts"/> is null.</exception>
    /// <exception cref="DeliveryAssertException">Two differ, or there are none.</exception>
    public static void AreRetries(IReadOnlyList<PreparedWebhook> attempts)
    {
        ArgumentNullException.ThrowIfNull(attempts);
        if (attempts.Count == 0)
        {
            throw new DeliveryAssertException("There are no attempts.");
        }

        for (int i = 1; i < attempts.Count; i++)
        {
            if (attempts[i].IdempotencyKey != attempts[0].IdempotencyKey || !attempts[i].Body.Span.SequenceEqual(attempts[0].Body.Span))
            {
                throw new DeliveryAssertException($"Attempt {i + 1} sent another key or other bytes than the first.");
            }
        }
    }
}

/// <summary>An assertion of <see cref="DeliveryAssert"/> does not hold.</summary>
public sealed class DeliveryAssertException : Exception
{
    /// <summary>Creates an exception.</summary>
    public DeliveryAssertException()
    {
    }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">The expectation and what there was.</param>
    public DeliveryAssertException(string message)
        : base(message)
    {
    }

    /// <summary>Creates an exception with a message and a cause.</summary>
    /// <param name="message">The expectation and what there was.</param>
    /// <param name="innerException">The cause.</param>
    public DeliveryAssertException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
