using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>The record that was added to an account's reporting ledger. Immutable.</summary>
public sealed record ReportingLedgerChange
{
    private ReportingLedgerChange()
    {
    }

    /// <summary>Gets the revision that was published; <c>null</c> for an adjustment.</summary>
    public string? RevisionId { get; private init; }

    /// <summary>Gets the revision that the published one replaces; <c>null</c> for none.</summary>
    public string? SupersedesRevisionId { get; private init; }

    /// <summary>Gets the finality of the revision; <c>null</c> for an adjustment.</summary>
    public ReportingFinality? Finality { get; private init; }

    /// <summary>Gets the adjustment that was published; <c>null</c> for a revision.</summary>
    public string? AdjustmentId { get; private init; }

    /// <summary>Gets the revision that the adjustment changes; <c>null</c> for a revision.</summary>
    public string? AdjustsRevisionId { get; private init; }

    /// <summary>Returns the change of a revision that was published.</summary>
    /// <param name="revisionId">The revision. 1 to 255 of <c>A-Z a-z 0-9 _ . : -</c>.</param>
    /// <param name="finality">Its finality.</param>
    /// <param name="supersedes">The revision that it replaces; null for none.</param>
    /// <exception cref="ArgumentException">A value breaks its rule.</exception>
    public static ReportingLedgerChange Revision(string revisionId, ReportingFinality finality, string? supersedes = null) => new()
    {
        RevisionId = JsonWire.Id(revisionId, nameof(revisionId), 255),
        Finality = JsonWire.Defined(finality, nameof(finality)),
        SupersedesRevisionId = supersedes is null ? null : JsonWire.Id(supersedes, nameof(supersedes), 255),
    };

    /// <summary>Returns the change of an adjustment that was published.</summary>
    /// <param name="adjustmentId">The adjustment. 1 to 255 of <c>A-Z a-z 0-9 _ . : -</c>.</param>
    /// <param name="adjustsRevisionId">The revision that it changes.</param>
    /// <exception cref="ArgumentException">A value breaks its rule.</exception>
    public static ReportingLedgerChange Adjustment(string adjustmentId, string adjustsRevisionId) => new()
    {
        AdjustmentId = JsonWire.Id(adjustmentId, nameof(adjustmentId), 255),
        AdjustsRevisionId = JsonWire.Id(adjustsRevisionId, nameof(adjustsRevisionId), 255),
    };

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteString("change_kind"u8, AdjustmentId is null ? "revision_published"u8 : "adjustment_published"u8);
        json.WriteText("reporting_revision_id"u8, RevisionId);
        json.WriteText("supersedes_reporting_revision_id"u8, SupersedesRevisionId);
        json.WriteText("finality"u8, Finality?.Wire());
        json.WriteText("reporting_adjustment_id"u8, AdjustmentId);
        json.WriteText("adjusts_reporting_revision_id"u8, AdjustsRevisionId);
    }
}
