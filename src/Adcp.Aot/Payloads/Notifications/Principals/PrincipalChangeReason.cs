namespace Adcp.Aot.Payloads.Notifications;

/// <summary>The reason why a principal's state changed. The wire name is the member's in snake case.</summary>
public enum PrincipalChangeReason
{
    /// <summary><c>destination_state_changed</c></summary>
    DestinationStateChanged = 0,

    /// <summary><c>setup_expiring</c></summary>
    SetupExpiring = 1,

    /// <summary><c>setup_expired</c></summary>
    SetupExpired = 2,

    /// <summary><c>proof_invalidated</c></summary>
    ProofInvalidated = 3,

    /// <summary><c>declarations_intersection_changed</c></summary>
    DeclarationsIntersectionChanged = 4,

    /// <summary><c>other</c></summary>
    Other = 5,
}
