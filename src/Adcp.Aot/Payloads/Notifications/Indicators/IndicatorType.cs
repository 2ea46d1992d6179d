namespace Adcp.Aot.Payloads.Notifications;

/// <summary>AdCP's <c>indicator-type</c>. The wire name is the member's in snake case.</summary>
public enum IndicatorType
{
    /// <summary><c>creative_fatigue</c></summary>
    CreativeFatigue = 0,

    /// <summary><c>creative_quality_opportunity</c></summary>
    CreativeQualityOpportunity = 1,

    /// <summary><c>creative_diversity_low</c></summary>
    CreativeDiversityLow = 2,

    /// <summary><c>audience_saturation</c></summary>
    AudienceSaturation = 3,

    /// <summary><c>inventory_shortfall_forecast</c></summary>
    InventoryShortfallForecast = 4,

    /// <summary><c>pacing_risk</c></summary>
    PacingRisk = 5,

    /// <summary><c>budget_constrained</c></summary>
    BudgetConstrained = 6,
}
