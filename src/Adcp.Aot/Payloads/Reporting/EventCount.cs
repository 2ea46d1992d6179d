using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Reporting;

/// <summary>A count of one event type or action source.</summary>
public sealed record EventCount
{
    /// <summary>Creates a count.</summary>
    /// <param name="name">The event type or action source: a word of AdCP's enum.</param>
    /// <param name="count">The number.</param>
    /// <param name="value">Their value in the report's currency; null for unknown.</param>
    /// <param name="eventSourceId">The source of the events; null for all.</param>
    /// <exception cref="ArgumentException">Not a word, or a blank source.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A negative number.</exception>
    public EventCount(string name, decimal count, decimal? value = null, string? eventSourceId = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfNegative(value ?? 0, nameof(value));
        Name = JsonWire.Word(name, nameof(name))!;
        Count = count;
        Value = value;
        EventSourceId = eventSourceId is null ? null : JsonWire.Name(eventSourceId, nameof(eventSourceId));
    }

    /// <summary>The event type or action source.</summary>
    public string Name { get; }

    /// <summary>The number.</summary>
    public decimal Count { get; }

    /// <summary>Their value.</summary>
    public decimal? Value { get; }

    /// <summary>Their source.</summary>
    public string? EventSourceId { get; }
}
