namespace Adcp.Aot.Payloads.Reporting;

/// <summary>
/// The numbers of AdCP's <c>delivery-metrics</c> except the spend. The wire name is the member's in snake case.
/// </summary>
public enum DeliveryMetric
{
    /// <summary><c>impressions</c></summary>
    Impressions = 0,

    /// <summary><c>clicks</c></summary>
    Clicks = 1,

    /// <summary><c>ctr</c></summary>
    Ctr = 2,

    /// <summary><c>views</c></summary>
    Views = 3,

    /// <summary><c>completed_views</c></summary>
    CompletedViews = 4,

    /// <summary><c>completion_rate</c></summary>
    CompletionRate = 5,

    /// <summary><c>conversions</c></summary>
    Conversions = 6,

    /// <summary><c>conversion_value</c></summary>
    ConversionValue = 7,

    /// <summary><c>commissionable_value</c></summary>
    CommissionableValue = 8,

    /// <summary><c>roas</c></summary>
    Roas = 9,

    /// <summary><c>cost_per_acquisition</c></summary>
    CostPerAcquisition = 10,

    /// <summary><c>new_to_brand_rate</c></summary>
    NewToBrandRate = 11,

    /// <summary><c>leads</c></summary>
    Leads = 12,

    /// <summary><c>incremental_sales_lift</c></summary>
    IncrementalSalesLift = 13,

    /// <summary><c>brand_lift</c></summary>
    BrandLift = 14,

    /// <summary><c>foot_traffic</c></summary>
    FootTraffic = 15,

    /// <summary><c>conversion_lift</c></summary>
    ConversionLift = 16,

    /// <summary><c>brand_search_lift</c></summary>
    BrandSearchLift = 17,

    /// <summary><c>plays</c></summary>
    Plays = 18,

    /// <summary><c>grps</c></summary>
    Grps = 19,

    /// <summary><c>frequency</c></summary>
    Frequency = 20,

    /// <summary><c>engagements</c></summary>
    Engagements = 21,

    /// <summary><c>follows</c></summary>
    Follows = 22,

    /// <summary><c>saves</c></summary>
    Saves = 23,

    /// <summary><c>profile_visits</c></summary>
    ProfileVisits = 24,

    /// <summary><c>engagement_rate</c></summary>
    EngagementRate = 25,

    /// <summary><c>cost_per_click</c></summary>
    CostPerClick = 26,

    /// <summary><c>cost_per_completed_view</c></summary>
    CostPerCompletedView = 27,

    /// <summary><c>cpm</c></summary>
    Cpm = 28,

    /// <summary><c>downloads</c></summary>
    Downloads = 29,

    /// <summary><c>units_sold</c></summary>
    UnitsSold = 30,

    /// <summary><c>new_to_brand_units</c></summary>
    NewToBrandUnits = 31,

    /// <summary><c>effective_rate</c></summary>
    EffectiveRate = 32,
}
